"""The scene `files/deterministic`: whether the same gives the same bytes, at another time and in another process."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from typing import TYPE_CHECKING

from ...specs import NamedScenario, Spec
from ...verdicts import Observation
from ..observations import Content, checkpoint_at, own_folder
from ..process.lifetime import saved
from ..registry import Workspace, plays
from .paths import current_directory

if TYPE_CHECKING:
    from ..dispatch import Context

#: Seconds that lie between two saves: archives count time by twos.
APART = 2.1
#: The role of a worker in which hashes of text are others than in this process.
OTHER_HASHES = "other-hashes"


@dataclasses.dataclass(frozen=True)
class _Saved:
    """What a save has written, and when it was over."""

    content: Content
    moment: float


@plays("files/deterministic", across=True)
def deterministic(stage: Workspace, scene: NamedScenario) -> Observation:
    """One process saves twice, at two times, and another one in between, from another current directory, each the same, built anew, in
    a folder of its own.

    The first save is kept for when the scene is played again, which then takes no waiting.
    """
    around = own_folder(stage)

    def save(name: str, role: str) -> _Saved:
        path = around / name / f"checkpoint{stage.trials.format.suffix}"
        path.parent.mkdir()
        content = stage.away.ask(written, scene.saved, str(path), str(path.parent) if role == OTHER_HASHES else ".", role=role)
        return _Saved(content, time.monotonic())

    kept = stage.trials.kept
    first: _Saved = kept[scene] if scene in kept else kept.setdefault(scene, save("first", "plain"))
    elsewhere = save("elsewhere", OTHER_HASHES)
    time.sleep(max(0.0, APART - (time.monotonic() - first.moment)))
    second = save("second", "plain")
    stage.leave()
    excess = unlike(first.content, second.content, "saved by one process at two times")
    return Observation(excess=excess or unlike(first.content, elsewhere.content, "saved by two processes"))


def written(trials: Context, spec: Spec, path: str, directory: str) -> Content:
    """Asked in a worker: saves from this current directory, and gives the bytes of all files."""
    with current_directory(pathlib.Path(directory)):
        saved(trials, spec, path)
    return checkpoint_at(pathlib.Path(path))


def unlike(one: Content, two: Content, how: str) -> str | None:
    """The first file in which two checkpoints differ, in words; None if they are the same."""
    if names := sorted(one.keys() ^ two.keys()):
        more = f", and so are {len(names) - 1} more" if len(names) > 1 else ""
        return f"{how}: {names[0]!r} is a name in one checkpoint and not in the other{more}"
    for name, first in one.items():
        second = two[name]
        if first == second:
            continue
        if first is None or second is None:
            return f"{how}: {name!r} is a file in one checkpoint, and a folder in the other"
        unequal = [place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b]
        longer = abs(len(first) - len(second))
        where = unequal[0] if unequal else min(len(first), len(second))
        told = f"{how}: {name!r} differs first at byte {where} of {len(first)}, in {len(unequal)} bytes"
        return f"{told}, and is {longer} bytes longer in one" if longer else told
    return None
