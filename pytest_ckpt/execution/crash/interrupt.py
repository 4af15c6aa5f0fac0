"""Press Ctrl-C during a save: a KeyboardInterrupt is raised, in a worker, after each change of files.

It is raised when Python code runs again after the change, which is when Python would raise a real one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from ...specs import InterruptCase, InterruptSweep, Spec
from ...verdicts import Observation
from ...workers import WorkerDied
from .. import questions
from ..context import CacheKey, Context, Workspace
from ..observations import is_restored, located_at
from ..remote import Role
from ..user_code import EarlyResult
from .replay import REFUSES, allow_error_if_empty, confirmed_failures, kind_of_failure, load_allowed

#: At most this many moments are tried, the first and the last among them.
_MOST = 32
#: Threads that a save left behind are done when no file has changed for _QUIET seconds. This is waited for up to _PATIENCE seconds.
_QUIET, _PATIENCE = 0.02, 2.0
#: The size, the time of the last change and the inode of each name in a folder.
_Files = dict[str, tuple[int, int, int]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of a save in which an interrupt was to be raised.

    Files changed at ``moments`` moments. ``change`` and ``place`` describe the change and the line at which the interrupt was
    raised, if that moment came. ``returned`` tells that save returned nevertheless, and ``failed`` is the observation if it raised
    something else.
    """

    moments: int
    change: str = ""
    place: str = ""
    returned: bool = False
    failed: Observation | None = None


@dataclasses.dataclass
class _Interruptions:
    """The known facts about the interrupts of one save.

    ``refused`` is the error of a save that does not overwrite a checkpoint. ``confirmed`` are the kinds of failure that a fresh
    process has shown as well.
    """

    moments: int
    refused: str | None
    confirmed: set[str] = dataclasses.field(default_factory=set)


#: By the saved spec and the old one.
_INTERRUPTIONS: CacheKey[tuple[Spec, Spec | None], _Interruptions] = CacheKey("interruptions")


def expand(workspace: Workspace, sweep: InterruptSweep) -> Iterable[Spec]:
    """Return one spec for each moment, or for a selection of them. Raise EarlyResult."""
    moments = _interruptions(workspace, sweep).moments
    places = range(1, moments + 1) if moments <= _MOST else sorted({1 + place * (moments - 1) // (_MOST - 1) for place in range(_MOST)})
    return [InterruptCase(sweep.saved, sweep.old, at) for at in places] or [InterruptCase(sweep.saved, sweep.old)]


def run_sweep(workspace: Workspace, sweep: InterruptSweep) -> Observation:
    """Return the reason why a save cannot be interrupted. Raise EarlyResult."""
    _interruptions(workspace, sweep)
    raise AssertionError(f"{sweep!r} expands to other specs and does not run itself")


def run_case(workspace: Workspace, case: InterruptCase) -> Observation:
    """Interrupt a save, and load. A failure in a process that was interrupted before counts once fresh processes show it too."""
    known = _interruptions(workspace, case)
    observed, confirmed = _interrupt_and_load(workspace, case, known), confirmed_failures(workspace)
    if (failure := kind_of_failure(observed)) in ("", *known.confirmed):
        return observed
    workspace.remote.end(Role.SECOND)
    if failure not in confirmed:
        workspace.remote.end()
    again = _interrupt_and_load(workspace, case, known)
    if kind_of_failure(again) == failure:
        known.confirmed.add(failure)
        confirmed.add(failure)
    return again


def _interrupt_and_load(workspace: Workspace, case: InterruptCase, known: _Interruptions) -> Observation:
    old = None if known.refused is not None else case.old
    outcome, path = _interrupt(workspace, case, old)
    workspace.keep(path.parent)
    allowed = [case.saved] if outcome.returned or old is None else [case.saved, old]
    empty = old is None and not outcome.returned
    observed = allow_error_if_empty(workspace.remote.observe(load_allowed, allowed, str(path), empty), empty)
    if is_restored(observed) and old is not None:
        # A user continues the run that was stopped.
        again = workspace.remote.observe(questions.save_and_load, case.saved, str(path))
        if not is_restored(again):
            return located_at(again, f"{_described(outcome, case, known)}, and then saved again")
    if is_restored(observed):
        if known.refused is not None:
            return dataclasses.replace(observed, limitation=REFUSES)
        return observed if known.moments else dataclasses.replace(observed, note="no file changed before save returned")
    return located_at(observed, _described(outcome, case, known))


def _described(outcome: Outcome, case: InterruptCase, known: _Interruptions) -> str:
    if not outcome.change:
        return "save returned before it could be interrupted"
    moments = max(known.moments, outcome.moments)
    text = f"after change {case.at} of {moments} ({outcome.change}) a KeyboardInterrupt, raised in {outcome.place}"
    return text + (", and save returned nevertheless" if outcome.returned else "")


def _interruptions(workspace: Workspace, spec: InterruptSweep | InterruptCase) -> _Interruptions:
    """Return the moments of this save, which are counted once. Raise EarlyResult."""
    key = (spec.saved, spec.old)
    cache = workspace.context.cache(_INTERRUPTIONS)
    if key not in cache:
        outcome, _ = _interrupt(workspace, InterruptCase(spec.saved, spec.old, 0), spec.old)
        refused = outcome.failed.refused if outcome.failed is not None else None
        if refused is not None and spec.old is not None:
            outcome, _ = _interrupt(workspace, InterruptCase(spec.saved, None, 0), None)
        if outcome.failed is not None:
            raise EarlyResult(outcome.failed)
        cache[key] = _Interruptions(outcome.moments, refused)
    return cache[key]


def _interrupt(workspace: Workspace, case: InterruptCase, old: Spec | None) -> tuple[Outcome, pathlib.Path]:
    """Save with an interrupt in a new folder. A process that was interrupted before may fail; then a fresh one repeats it."""
    try:
        return _interrupt_once(workspace, case, old)
    except (WorkerDied, EarlyResult):
        workspace.remote.end(Role.SECOND)
        return _interrupt_once(workspace, case, old)


def _interrupt_once(workspace: Workspace, case: InterruptCase, old: Spec | None) -> tuple[Outcome, pathlib.Path]:
    path = pathlib.Path(tempfile.mkdtemp(dir=workspace.folder), workspace.path.name)
    return workspace.remote.ask(save_interrupted, case.saved, old, str(path), case.at, role=Role.SECOND), path


def save_interrupted(context: Context, spec: Spec, old: Spec | None, path: str, at: int) -> Outcome:
    """In a worker: save ``spec`` over ``old``, and interrupt it at the moment ``at``, or never if that is 0.

    Raise EarlyResult if ``old`` cannot be saved.
    """
    place = pathlib.Path(path)
    with context.scope():
        if old is not None:
            context.subject(old).save(place)
        subject = context.subject(spec)
        obj = subject.build()
        _wait_until_quiet(place.parent)
        watch = _Watch(place.parent, at)
        failed, returned = None, False
        with watch.active():
            try:
                subject.save(place, obj)
                returned = True
            except EarlyResult as early:
                failed = early.observation
            except _Interrupt:
                pass
        _wait_until_quiet(place.parent)
    return Outcome(watch.moments, watch.change, watch.place, returned, failed)


class _Interrupt(KeyboardInterrupt):
    """The interrupt that this module raises."""


class _Watch:
    """A profile function of Python, called at every call and return while it is active."""

    def __init__(self, folder: pathlib.Path, at: int) -> None:
        self.moments, self.change, self.place = 0, "", ""
        self._at = at
        self._folder = folder
        self._files = _files_in(folder)
        self._io = os.open("/proc/self/io", os.O_RDONLY)
        self._writes = self._count_writes()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        before = sys.getprofile()
        sys.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(before)
            os.close(self._io)

    def _called(self, frame: FrameType, event: str, function: Any) -> None:
        # To list files takes time, and few calls touch the disk: those of the system, and those during which something was written.
        writes = self._count_writes()
        if writes == self._writes and not (event.startswith("c_") and _is_system_call(function)):
            return
        self._writes = writes
        now = _files_in(self._folder)
        if now == self._files:
            return
        before, self._files = self._files, now
        self.moments += 1
        if self.moments == self._at:
            self.change = _describe_change(before, now)
            self.place = f"{frame.f_code.co_name} ({pathlib.Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
            raise _Interrupt

    def _count_writes(self) -> bytes:
        """Return how often this process has written, as the kernel counts it."""
        found = re.search(rb"syscw: (\d+)", os.pread(self._io, 512, 0))
        return found[1] if found else b""


def _is_system_call(function: Any) -> bool:
    owner = getattr(function, "__module__", None) or type(getattr(function, "__self__", None)).__module__
    return owner in ("posix", "_io", "io")  # Up to Python 3.12 `open` belongs to io.


def _files_in(folder: pathlib.Path) -> _Files:
    found: _Files = {}
    remaining = [(str(folder), "")]
    while remaining:
        above, prefix = remaining.pop()
        with contextlib.suppress(FileNotFoundError), os.scandir(above) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    is_folder = entry.is_dir(follow_symlinks=False)
                    # A change in a folder shows in the names in it.
                    details = (-1, 0, status.st_ino) if is_folder else (status.st_size, status.st_mtime_ns, status.st_ino)
                    found[prefix + entry.name] = details
                    if is_folder:
                        remaining.append((entry.path, f"{prefix}{entry.name}/"))
    return found


def _describe_change(before: _Files, now: _Files) -> str:
    """Describe one of the changes."""
    name = next(name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name))
    shown = re.sub(r"\b\d+-checkpoint", "checkpoint", name)
    if name not in now:
        return f"{shown} is gone"
    size = now[name][0]
    return f"{shown} exists" if size < 0 else f"{shown} has {size} bytes"


def _wait_until_quiet(folder: pathlib.Path) -> None:
    """Wait until threads have finished their work in the folder, for a limited time."""
    end, before = time.monotonic() + _PATIENCE, _files_in(folder)
    while time.monotonic() < end:
        time.sleep(_QUIET)
        if (now := _files_in(folder)) == before:
            return
        before = now
