"""Find what saving and loading change in the caller's objects and in the process."""

from __future__ import annotations

import pathlib
from typing import Any

from ...specs import NamedScenario
from ...verdicts import Difference, Observation
from ..checkpoint_files import content_at, display_name, files_of, find_damage
from ..context import Workspace
from ..observations import locate
from ..process_state import SHARED, put_back, watched
from ..registry import procedure
from ..subject import Subject


@procedure("files/no-side-effects")
def no_side_effects(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save and load twice. The first time does not count; the second time nothing in the process may change."""
    subject, initial = workspace.subject(scenario.saved), workspace.context.initial_state
    with put_back(SHARED):
        subject.save(workspace.path)
        subject.load(workspace.path)
    path = workspace.path.with_name(f"2-{workspace.path.name}")
    obj, target = subject.build(), subject.template()
    excess, found = [], []
    with watched(initial) as changed:
        subject.save(path, obj)
        excess += [f"save changed {each}" for each in changed()]
    found += _alterations(subject, obj, "the saved object, after save")
    before, times = content_at(path), _modification_times(path)
    with watched(initial) as changed:
        loaded = subject.load(path, target)
        excess += [f"load changed {each}" for each in changed()]
    found += _alterations(subject, obj, "the saved object, after load") if not found else []
    after = content_at(path)
    found += find_damage(before, after, "the loaded checkpoint's file")
    # A loader may create an empty file, as a lock.
    created = sorted(name for name in after.keys() - before.keys() if after[name] != b"")
    excess += [f"load created {display_name(name)!r} in the checkpoint" for name in created]
    if before == after and _modification_times(path) != times:
        excess.append("load wrote to files of the checkpoint, although their content is the same")
    found += subject.differences(loaded)
    return Observation(differences=tuple(found), excess="\n".join(excess) or None)


def _modification_times(path: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Return the inode and the time of the last change of every file of a checkpoint that is not empty."""
    return {str(file): (status.st_ino, status.st_mtime_ns) for file in files_of(path) if (status := file.stat()).st_size}


def _alterations(subject: Subject, obj: Any, when: str) -> list[Difference]:
    """Return how the caller's own object was altered. Every difference counts as a loss."""
    return locate(subject.differences(obj), when, lost=True)
