"""Operations on observations: whether everything was restored, and where something was observed. Nothing here judges."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ..verdicts import Difference, Observation, Verdict


def located_at(observation: Observation, where: str) -> Observation:
    """Return the same observation with ``where`` in front of each of its texts."""
    texts: dict[str, Any] = {
        name: f"{where}: {text}" for name in ("crashed", "unreadable", "refused") if (text := getattr(observation, name)) is not None
    }
    return dataclasses.replace(observation, differences=tuple(locate(observation.differences, where)), **texts)


def locate(differences: Sequence[Difference], where: str, **changes: Any) -> list[Difference]:
    """Return the same differences with ``where`` in front of their paths, and with other ``changes`` of their fields."""
    return [dataclasses.replace(each, path=f"{where}: {each.path}" if each.path else where, **changes) for each in differences]


def is_restored(observation: Observation) -> bool:
    """Return whether every value was restored. What the format converts does not count as a loss."""
    failures = (observation.unsafe, observation.refused, observation.crashed, observation.unreadable)
    return all(each is None for each in failures) and all(each.verdict <= Verdict.CONVERTED for each in observation.differences)


def unless_damaged(raised: Observation, load_old: Callable[[], Observation]) -> Observation:
    """Return ``raised``, the observation of a save that raised, if the old checkpoint is intact, or else that of ``load_old``."""
    if raised.refused is None:
        return raised
    now = load_old()
    return raised if is_restored(now) else located_at(now, f"the old checkpoint, after save raised {raised.refused}")
