"""A crash while a checkpoint is saved: the specs of the family `crash`. Plain Python."""

from __future__ import annotations

import dataclasses

from .base import Spec
from .scenarios import Scenario

#: What may happen: the process is killed; the machine stops, while saving or once that has returned; either, in an empty place.
CRASHES = ("kill", "power-loss", "durable", "new-path")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class CrashSweep(Scenario):
    """``saved`` is saved where ``old`` stands, or in an empty place, and at some time a crash of the ``kind`` happens: stands for one
    `CrashState` for each state that it can leave."""

    kind: str
    saved: Spec
    old: Spec | None = None

    def __post_init__(self) -> None:
        _check_kind(self.kind)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class CrashState(Scenario):
    """A state that such a crash leaves: the first ``after`` of the operations that saving does to the disk were done, and of these
    the disk lacks ``lost``, as (number from 1, what, bytes): "all" of it, or of a write the bytes "from" there on or "before" there."""

    kind: str
    saved: Spec
    old: Spec | None = None
    after: int = 0
    lost: tuple[tuple[int, str, int], ...] = ()

    def __post_init__(self) -> None:
        _check_kind(self.kind)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class InterruptSweep(Scenario):
    """``saved`` is saved where ``old`` stands, or in an empty place, and at some time somebody presses Ctrl-C: stands for one
    `InterruptCase` for each moment at which something has changed on disk."""

    saved: Spec
    old: Spec | None = None


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class InterruptCase(Scenario):
    """``saved`` is saved where ``old`` stands, or in an empty place, and a KeyboardInterrupt is raised at the moment ``at`` (from 1) at
    which what stands there is seen to have changed."""

    saved: Spec
    old: Spec | None = None
    at: int = 1


def _check_kind(kind: str) -> None:
    if kind not in CRASHES:
        raise ValueError(f"unknown crash {kind!r}: possible are: {', '.join(CRASHES)}")
