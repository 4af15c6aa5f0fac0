"""Save where there is no room or no permission: a limit on the length of files, a full disk, a read-only folder."""

from __future__ import annotations

import dataclasses
import gc
import os
import pathlib
import stat
from collections.abc import Callable

from ...specs import NamedScenario, Spec
from ...verdicts import Observation
from ...workers.child import settings
from .. import questions
from ..checkpoint_files import empty_folder, files_of
from ..context import Context, Workspace
from ..observations import unless_damaged
from ..registry import Placement, procedure
from ..remote import Role
from ..user_code import EarlyResult

#: How long a file may become, for the length that the longest file needs.
_LIMITS: dict[str, Callable[[int], int]] = {
    "no byte": lambda size: 0,
    "half": lambda size: size // 2,
    "all but one byte": lambda size: size - 1,
}
#: How a scenario says that the disk itself is full, and that no old checkpoint exists.
_SMALL_DISK, _NEW = "a disk that is full", ", at a new path"


@procedure("files/disk-full", Placement.ACROSS_WORKERS)
def disk_full(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save where files may not become as long as the checkpoint needs, or where the disk is full.

    A separate worker does this, because a full disk may leave a library in a bad state.
    """
    remote, path = workspace.remote, str(workspace.path)
    if scenario.how == _SMALL_DISK:
        keep_in = str(workspace.keep_in) if workspace.keep_in else None
        return remote.observe(save_on_small_disk, scenario, keep_in, role=Role.FULL_DISK)
    longest = remote.ask(length_of_longest_file, scenario.saved, path, role=Role.FULL_DISK)
    limit = _LIMITS[scenario.how.removesuffix(_NEW)](longest)
    is_new = scenario.how.endswith(_NEW)
    if not is_new:
        remote.ask(questions.save, scenario.other, path, role=Role.FULL_DISK)
    raised = remote.ask(try_to_save, scenario.saved, path, role=Role.FULL_DISK, file_size=limit)
    return _observe_result(workspace, scenario, raised, Role.FULL_DISK, is_new)


def _observe_result(workspace: Workspace, scenario: NamedScenario, raised: Observation | None, role: Role, is_new: bool) -> Observation:
    """Observe the checkpoint after a save in a worker. ``raised`` is the observation of the save if it raised."""
    workspace.keep()
    remote, path = workspace.remote, str(workspace.path)
    if raised is None:
        return remote.observe(questions.load, scenario.saved, path, role=role)
    return raised if is_new else unless_damaged(raised, lambda: remote.observe(questions.load, scenario.other, path, role=role))


def try_to_save(context: Context, spec: Spec, path: str) -> Observation | None:
    """In a worker: save, and return the observation if that raised.

    Garbage is collected before this returns, because the objects that a failed save leaves behind may kill the process.
    """
    raised = None
    with context.scope():
        subject = context.subject(spec)
        try:
            subject.save(pathlib.Path(path))
        except EarlyResult as early:
            raised = early.observation
        gc.collect()
    return raised


def length_of_longest_file(context: Context, spec: Spec, path: str) -> int:
    """In a worker: return the length of the longest file of a checkpoint, which is removed again."""
    place = pathlib.Path(path)
    questions.save(context, spec, path)
    longest = max((each.stat().st_size for each in files_of(place)), default=0)
    empty_folder(place.parent)
    return longest


def save_on_small_disk(context: Context, scenario: NamedScenario, keep_in: str | None) -> Observation:
    """In a confined worker: fill its disk until half of the checkpoint has no room, and save over an old checkpoint."""
    disk = settings().small_disk
    if disk is None:
        return Observation(skipped="cannot mount a tmpfs here (needs user namespaces or CAP_SYS_ADMIN)")
    path, ballast = disk / f"checkpoint{context.format.suffix}", disk / "ballast"
    old = scenario.other
    assert old is not None
    try:
        empty = _free_bytes(disk)
        questions.save(context, scenario.saved, str(path))
        needed = empty - _free_bytes(disk)
        empty_folder(disk)
        questions.save(context, old, str(path))
        ballast.write_bytes(bytes(_free_bytes(disk) - needed // 2))
        raised = try_to_save(context, scenario.saved, str(path))
        ballast.unlink()
        Workspace(context, path, keep_in=pathlib.Path(keep_in) if keep_in else None).keep()
        if raised is None:
            return questions.load(context, scenario.saved, str(path))
        return unless_damaged(raised, lambda: questions.load(context, old, str(path)))
    finally:
        empty_folder(disk)


def _free_bytes(folder: pathlib.Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


@procedure("files/read-only-dir", Placement.ACROSS_WORKERS)
def read_only_folder(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save to a folder in which nothing can be created or renamed, in a process that may not override this."""
    path = str(workspace.path)
    if scenario.other is not None:
        workspace.remote.ask(questions.save, scenario.other, path, role=Role.CONFINED)
    mode = stat.S_IMODE(workspace.folder.stat().st_mode)
    try:
        workspace.folder.chmod(mode & ~0o222)
        raised = workspace.remote.ask(try_to_save, scenario.saved, path, role=Role.CONFINED)
        now = stat.S_IMODE(workspace.folder.stat().st_mode)
    finally:
        workspace.folder.chmod(mode)
    # The folder is writable again for the loader, which may create a lock. The question is whether the save damaged anything.
    observed = _observe_result(workspace, scenario, raised, Role.CONFINED, is_new=scenario.other is None)
    if now != mode & ~0o222:
        return dataclasses.replace(observed, excess=f"save changed the mode of the read-only folder to {now:o}")
    return observed
