"""Two processes work on one path at the same time: two that save, or one that saves and one that loads.

Which of two processes is faster is undefined. So the first process is stopped in the middle of its save, as a busy machine may stop it,
while the other does all of its work; then the first goes on. The first process is slowed down, so that it can be stopped at any moment
that matters.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from ...specs import NamedScenario, Spec
from ...verdicts import Observation
from ...workers.child import settings
from .. import questions
from ..checkpoint_files import empty_folder
from ..context import Context, Workspace
from ..registry import Placement, procedure
from ..remote import DELAYS, Role
from ..user_code import EarlyResult

#: When the first process is stopped: after this share of its bytes (0.0 is as soon as anything is seen of it, 1.0 is when all is written),
#: or when a name is gone that existed before, or when a name is that of another file.
Moment = float | str
GONE, REPLACED = "gone", "replaced"
MOMENTS: tuple[Moment, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, GONE, REPLACED)
#: How often each moment is tried, because a save may be too fast to be stopped exactly there. A reader repeats only the first moment, at
#: which most is missing, and the moments that were missed.
_WRITER_TRIES, _READER_TRIES = 2, 2
NOT_SLOWED = "cannot trace processes here, so no save could be slowed down enough to be stopped in the middle"
#: Seconds that the other process may wait for the first, as for a lock, before the first goes on.
_PATIENCE = 1.0
#: Seconds within which a process stops after the signal.
_STOPPING = 0.002

#: The inode and the length of each file in a folder.
Files = dict[str, tuple[int, int]]
#: Whether a moment has come, from the files now and the files before.
_HasCome = Callable[[Files, Files], bool]


class _StoppedSave:
    """A process that saves and is stopped in the middle. A moment that was missed is tried again with longer delays."""

    def __init__(self, workspace: Workspace, spec: Spec) -> None:
        self._workspace = workspace
        self._hit: dict[Moment, bool] = {}
        remote, path = workspace.remote, str(workspace.path)
        self.is_slowed = remote.ask(process_to_stop, role=Role.SLOWED)[1]
        start = time.monotonic()
        remote.ask(questions.save, spec, path, role=Role.SLOWED, seconds=self._seconds)
        duration = time.monotonic() - start
        self._size = _changed_bytes(_files_in(workspace.folder), {})
        # A save in very many steps is stopped in the middle without longer delays.
        self._may_be_slower = self.is_slowed and duration * DELAYS[Role.SLOWER] < min(_PATIENCE, workspace.format.time_limit)

    @property
    def _seconds(self) -> float:
        """The time limit of a slowed process."""
        return 10 * self._workspace.format.time_limit

    def was_hit(self, moment: Moment) -> bool:
        return self._hit.get(moment, False)

    def run_during(self, moment: Moment, spec: Spec, function: Callable[..., Any], *arguments: Any) -> tuple[str | None, Any]:
        """Save, stop at the moment, call ``function`` in another process, and go on.

        Return why the save was refused (None if it was not), and what ``function`` returned.
        """
        remote, folder, path = self._workspace.remote, self._workspace.folder, str(self._workspace.path)
        role = Role.SLOWER if moment in self._hit and self._may_be_slower else Role.SLOWED
        pid, _ = remote.ask(process_to_stop, role=role)
        remote.worker(Role.SECOND)  # It must be running before the save begins.
        before, has_come = _files_in(folder), _condition(moment, self._size)
        self._hit[moment] = False
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            first = pool.submit(remote.ask, try_to_save, spec, path, role=role, seconds=self._seconds)
            try:
                while not first.done():
                    if has_come(_files_in(folder), before):
                        os.kill(pid, signal.SIGSTOP)
                        time.sleep(_STOPPING)
                        # A system call that was in progress is complete now, so the moment may be over.
                        self._hit[moment] = has_come(_files_in(folder), before)
                        break
                second = pool.submit(remote.ask, function, *arguments, role=Role.SECOND)
                concurrent.futures.wait([second], _PATIENCE)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            return first.result(), second.result()


@procedure("process/two-writers", Placement.ACROSS_WORKERS)
def two_writers(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save in two processes at one path at once: afterwards one of the two checkpoints must be there and complete."""
    assert scenario.other is not None
    both, path = (scenario.saved, scenario.other), str(workspace.path)
    process = _StoppedSave(workspace, scenario.saved)
    # If the format does not overwrite a checkpoint, both processes save to an empty location.
    refuses = workspace.remote.ask(try_to_save, scenario.other, path, role=Role.SECOND) is not None
    for moment in MOMENTS * _WRITER_TRIES:
        if refuses:
            empty_folder(workspace.folder)
        first, second = process.run_during(moment, scenario.saved, try_to_save, scenario.other, path)
        if first is not None and second is not None:
            continue  # Neither process has saved anything.
        workspace.keep()
        found = workspace.remote.observe(load_content, both, path, role=Role.SECOND)
        if found != Observation():
            return found
    return Observation(skipped=None if process.is_slowed else NOT_SLOWED)


@procedure("process/reader-beside-writer", Placement.ACROSS_WORKERS)
def reader_beside_writer(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Load in one process while another saves over the checkpoint: the old or the new one must load, complete."""
    assert scenario.other is not None
    both, path = (scenario.saved, scenario.other), str(workspace.path)
    process, turn = _StoppedSave(workspace, scenario.saved), itertools.cycle((scenario.other, scenario.saved))
    worst = Observation()
    for number, moment in enumerate(MOMENTS * _READER_TRIES):
        if number >= len(MOMENTS) and moment != MOMENTS[0] and process.was_hit(moment):
            continue
        refused, found = process.run_during(moment, next(turn), load_content, both, path)
        if refused is not None:
            return Observation(skipped=f"save does not overwrite a checkpoint: {refused}")
        if isinstance(found, Observation) and (found.crashed or found.differences or (found.unreadable and not worst.differences)):
            workspace.keep()
            worst = found
    return worst if process.is_slowed or worst != Observation() else Observation(skipped=NOT_SLOWED)


def _condition(moment: Moment, size: int) -> _HasCome:
    """Return the condition for a moment, where a complete checkpoint has ``size`` bytes."""
    if moment == GONE:
        return lambda now, before: bool(before.keys() - now.keys())
    if moment == REPLACED:
        return lambda now, before: any(name in now and now[name][0] != inode for name, (inode, _) in before.items())
    share = float(moment)
    return lambda now, before: now != before and _changed_bytes(now, before) >= share * size


def _files_in(folder: pathlib.Path) -> Files:
    """Return the files in a folder in which another process may be working."""
    found: Files = {}
    remaining = [str(folder)]
    while remaining:
        try:
            with os.scandir(remaining.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    found[entry.path] = (status.st_ino, status.st_size)
                    if entry.is_dir(follow_symlinks=False):
                        remaining.append(entry.path)
        except OSError:  # It was removed or renamed meanwhile.
            continue
    return found


def _changed_bytes(now: Files, before: Files) -> int:
    """Return the number of bytes in files that are new or have another length."""
    return sum(length for name, (inode, length) in now.items() if before.get(name) != (inode, length))


def process_to_stop(context: Context) -> tuple[int, bool]:
    """In a worker: return the id of the process to stop in order to stop this one, and whether this one is traced.

    If the tracer is stopped, no system call of the traced process completes. A signal to the traced process itself would arrive
    only after its delayed system call.
    """
    traced = settings().traced
    return os.getppid() if traced else os.getpid(), traced


def try_to_save(context: Context, spec: Spec, path: str) -> str | None:
    """In a worker: save, and return the error if that raised."""
    try:
        questions.save(context, spec, path)
    except EarlyResult as early:
        observation = early.observation
        return observation.refused or observation.unreadable or observation.crashed
    return None


def load_content(context: Context, specs: Sequence[Spec], path: str) -> Observation:
    """In a worker: load, and compare values, dtypes, shapes and keys with the nearest of the specs."""
    found = questions.load_any(context, specs, path)
    content = tuple(each for each in found.differences if each.aspect in ("values", "nan-payload", "dtype", "shape", "keys") or each.lost)
    return Observation(unreadable=found.unreadable, crashed=found.crashed, differences=content)
