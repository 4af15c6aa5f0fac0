"""The scene `files/no-side-effects`: what saving and loading leave changed in the caller's objects, and in the process."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from ...specs import NamedScenario
from ...verdicts import Difference, Observation
from ..observations import checkpoint_at, harm
from ..process_state import SHARED, put_back, watched
from ..registry import Workspace, plays
from ..subject import Subject
from ..user_code import owned_by, plain_name


@plays("files/no-side-effects")
def no_side_effects(stage: Workspace, scene: NamedScenario) -> Observation:
    """Saves and loads once, so that what comes with a first use does not count, and looks what a second time changes in a process as
    it was before any."""
    subject = stage.subject(scene.saved)
    with put_back(SHARED):
        subject.save(stage.path)
        subject.load(stage.path)
    path = stage.path.with_name(f"2-{stage.path.name}")
    thing, given = subject.build(), subject.handed()
    excess, found = [], []
    with watched(stage.trials.before) as changed:
        subject.save(path, thing)
        excess += [f"save changed {each}" for each in changed()]
    found += _altered(subject, thing, "what was saved, afterwards")
    before, times = checkpoint_at(path), _times(path)
    with watched(stage.trials.before) as changed:
        loaded = subject.load(path, given)
        excess += [f"load changed {each}" for each in changed()]
    found += _altered(subject, thing, "what was saved before, after loading") if not found else []
    after = checkpoint_at(path)
    found += harm(before, after, "of the checkpoint that was loaded, the file")
    # A file that holds nothing is a lock, which a loader may take.
    made = sorted(name for name in after.keys() - before.keys() if after[name] != b"")
    excess += [f"load made {plain_name(name)!r} in the checkpoint" for name in made]
    if before == after and _times(path) != times:
        excess.append("load wrote to files of the checkpoint, though nothing else stands there now")
    found += subject.differences(loaded)
    return Observation(differences=tuple(found), excess="\n".join(excess) or None)


def _times(path: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Which file each name of a checkpoint is, and when it was last written to."""
    files = [file for entry in owned_by(path) for file in ([entry] if entry.is_file() else entry.rglob("*")) if file.is_file()]
    return {str(file): (facts.st_ino, facts.st_mtime_ns) for file in files if (facts := file.stat()).st_size}


def _altered(subject: Subject, thing: Any, when: str) -> list[Difference]:
    """In what the caller's own object is not what it was; any difference is one too many."""
    return [
        dataclasses.replace(each, path=f"{when}: {each.path or 'the root'}", lost=True) for each in subject.differences(thing)
    ]  # fmt: skip
