"""Scenes of the family `files` in which saving fails: a leaf that cannot be saved, a full disk, a folder that cannot be written to."""

from __future__ import annotations

import dataclasses
import gc
import os
import pathlib
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...backends.base import CannotBuild
from ...specs import NamedScenario, Spec
from ...verdicts import Observation
from ...workers.child import settings
from ..model import models_for
from ..observations import unless_harmed
from ..process.lifetime import saved, seen
from ..registry import Workspace, plays
from ..subject import Subject
from ..user_code import Failed, emptied, owned_by

if TYPE_CHECKING:
    from ..dispatch import Context

#: How long a file may get, of so many bytes that the longest one takes.
_LIMITS: dict[str, Callable[[int], int]] = {
    "no byte": lambda size: 0,
    "half": lambda size: size // 2,
    "all but one byte": lambda size: size - 1,
}
#: Who meets a full disk: whatever a library is left in by that, nobody else is asked there.
_ROLE = "full-disk"
#: How a scene says that the disk itself is full, or that nothing stands at the path yet.
_SMALL_DISK, _NEW = "a disk that is full", ", at a new path"


def unsavable(subject: Subject) -> Any:
    """What the subject describes, if it has a leaf that cannot be saved; a model gets something that cannot be. Raises CannotBuild."""
    thing = subject.build()
    if subject.is_model:
        spoil = getattr(models_for(subject.backend), "make_unsavable", None)
        if spoil is None:
            raise CannotBuild(f"{subject.backend.name} has no models that cannot be saved")
        spoil(thing)
    return thing


@plays("files/failed-save-keeps-old")
def failed_save(stage: Workspace, scene: NamedScenario) -> Observation:
    """Over an old checkpoint something is saved of which the last part cannot be."""
    old, other = stage.subject(scene.saved), stage.subject(scene.other)
    thing = unsavable(other)
    old.save(stage.path)
    try:
        other.save(stage.path, thing)
    except Failed as failed:
        stage.leave()
        return unless_harmed(failed.seen, lambda: old.seen(stage.path))
    return Observation(skipped="save was content with something that cannot be saved, so it has not failed")


@plays("files/disk-full", across=True)
def disk_full(stage: Workspace, scene: NamedScenario) -> Observation:
    """Files may not get as long as the checkpoint needs them, or the disk has no more room."""
    if scene.how == _SMALL_DISK:
        return stage.away.observe(on_a_small_disk, scene, role=_ROLE)
    path = str(stage.path)
    longest = stage.away.ask(length_of_longest, scene.saved, path, role=_ROLE)
    limit = _LIMITS[scene.how.removesuffix(_NEW)](longest)
    is_new = scene.how.endswith(_NEW)
    if not is_new:
        stage.away.ask(saved, scene.other, path, role=_ROLE)
    return _then(stage, scene, stage.away.ask(tried, scene.saved, path, role=_ROLE, file_size=limit), _ROLE, is_new)


def _then(stage: Workspace, scene: NamedScenario, raised: Observation | None, role: str, is_new: bool) -> Observation:
    """What was seen of a save in a worker, which raised or did not, and of what stands at the path afterwards."""
    stage.leave()
    path = str(stage.path)
    if raised is None:
        return stage.away.observe(seen, scene.saved, path, role=role)
    return raised if is_new else unless_harmed(raised, lambda: stage.away.observe(seen, scene.other, path, role=role))


def tried(trials: Context, spec: Spec, path: str) -> Observation | None:
    """Asked in a worker: saves, and gives what was seen if that raised. What it has left behind comes to its end before this
    returns: a library may die of it."""
    raised = None
    with trials.scope():
        subject = trials.subject(spec)
        try:
            subject.save(pathlib.Path(path))
        except Failed as failed:
            raised = failed.seen
        gc.collect()
    return raised


def length_of_longest(trials: Context, spec: Spec, path: str) -> int:
    """Asked in a worker: how long the longest file of a checkpoint is, which is taken away again."""
    place = pathlib.Path(path)
    saved(trials, spec, path)
    files = [each for entry in owned_by(place) for each in ([entry] if entry.is_file() else entry.rglob("*")) if each.is_file()]
    longest = max((each.stat().st_size for each in files), default=0)
    emptied(place.parent)
    return longest


def on_a_small_disk(trials: Context, scene: NamedScenario) -> Observation:
    """Asked in a confined worker: fills its disk so that half of what is to be saved has no room, and saves it over an old checkpoint."""
    disk = settings().small_disk
    if disk is None:
        return Observation(skipped="this machine lets nobody mount a small disk")
    path, ballast = str(disk / f"checkpoint{trials.format.suffix}"), disk / "ballast"
    old = scene.other
    assert old is not None
    try:
        empty = _room(disk)
        saved(trials, scene.saved, path)
        needed = empty - _room(disk)
        emptied(disk)
        saved(trials, old, path)
        ballast.write_bytes(bytes(_room(disk) - needed // 2))
        raised = tried(trials, scene.saved, path)
        ballast.unlink()
        return unless_harmed(raised, lambda: seen(trials, old, path)) if raised else seen(trials, scene.saved, path)
    finally:
        emptied(disk)


def _room(folder: pathlib.Path) -> int:
    """Bytes that are free on a disk."""
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize


@plays("files/read-only-dir", across=True)
def read_only_folder(stage: Workspace, scene: NamedScenario) -> Observation:
    """Nothing can be made or renamed in the folder, by a process that may not override that."""
    path = str(stage.path)
    if scene.other is not None:
        stage.away.ask(saved, scene.other, path, role="confined")
    mode = stat.S_IMODE(stage.folder.stat().st_mode)
    try:
        stage.folder.chmod(mode & ~0o222)
        raised = stage.away.ask(tried, scene.saved, path, role="confined")
        now = stat.S_IMODE(stage.folder.stat().st_mode)
    finally:
        stage.folder.chmod(mode)
    # A loader may want to make something there as well, such as a lock; what it is asked is whether the save has harmed anything.
    then = _then(stage, scene, raised, "confined", is_new=scene.other is None)
    if now != mode & ~0o222:
        return dataclasses.replace(then, excess=f"save changed the mode of the folder, in which nobody may write, to {now:o}")
    return then
