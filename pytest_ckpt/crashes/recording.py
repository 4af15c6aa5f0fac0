"""Records what a function does to the disk, in a process that runs under strace.

The process is started under the tracer and kept: attaching later would stop it at every system call. What it does between two
marks in the log is followed; where that does not lead to what really stands on the disk, nothing is recorded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
from collections.abc import Callable, Iterator

from ..workers import Died, Worker
from .calls import Call, calls_in, path_in
from .descriptors import Standing, standing
from .disk import Disk, Files, Link, Operation, files_in
from .effects import TRACED, follow
from .following import Follower
from .names import Lost

#: Bytes of one write that the log holds.
_LONGEST = 1 << 24
#: Nothing has such a name; that removing it failed is what is seen in the log.
_MARK = "/pytest-ckpt-mark/"
#: The tracer ends with the process that wants it, as a worker does; what it traces ends with it.
_LAUNCH = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0); "
    "os.getppid() == int(sys.argv[1]) or os._exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)


class CannotTrace(Exception):
    """Nothing can be traced here; the message says why."""


@dataclasses.dataclass(frozen=True)
class History:
    """``operations`` turned the folder that is the node ``root`` of the disk ``start`` into what stands there now."""

    start: Disk
    root: int
    operations: tuple[Operation, ...]


def traced_worker(log: pathlib.Path) -> Worker:
    """A worker under strace, which writes what it does beside ``log``. Raises CannotTrace."""
    strace = shutil.which("strace")
    if strace is None:
        raise CannotTrace("the program strace is not there, which shows what saving does to the disk")
    # With a "?" strace passes over a call that this machine's processor does not have.
    calls = ",".join(f"?{name}" for name in TRACED)
    command = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), strace, "-f", "-y", "-xx", "-s", str(_LONGEST)]
    # Of what is read only the number of bytes matters; printing the rest would take time.
    command += ["--seccomp-bpf", "-e", f"trace={calls}", "-e", "raw=?read,?readv", "-e", "signal=none", "-o", str(_traced(log))]
    try:
        return Worker(log, before=command)
    except Died as died:
        # The first of its words say what it was that failed.
        words = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        raise CannotTrace(f"strace cannot trace a process here: {words[0] if words else died}") from None


def _traced(log: pathlib.Path) -> pathlib.Path:
    return log.with_suffix(".strace")


@contextlib.contextmanager
def marked() -> Iterator[Standing]:
    """In the worker: what is done while this is held is what will be followed, from where the process stands now."""
    now = standing()
    _mark("begin")
    try:
        yield now
    finally:
        _mark("end")


def _mark(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(_MARK + name)


class Recorder:
    """Listens to a traced worker from now on, for what it does to ``folder``."""

    def __init__(self, worker: Worker, folder: pathlib.Path) -> None:
        self._trace = _traced(worker.log)
        self._from = self._trace.stat().st_size
        self._folder = folder
        self._before = files_in(folder)

    def history(self, standing: Standing, shown: Callable[[str], str] = str) -> History:
        """What was done between the marks. ``shown`` turns paths in the folder into those that a report shows. Raises Lost."""
        with self._trace.open() as log:
            log.seek(self._from)
            calls = list(calls_in(log))
        follower = Follower(self._folder, self._before, standing, shown)
        follow(follower, _between_marks(calls))
        history = History(follower.start, follower.root, follower.operations())
        _compare(replayed(history), files_in(self._folder))
        return history


def replayed(history: History) -> Files:
    """What stands in the folder when everything is done."""
    disk = history.start.copy()
    for operation in history.operations:
        disk.apply(operation)
    return disk.look(history.root)


def _between_marks(calls: list[Call]) -> list[Call]:
    marks = [place for place, call in enumerate(calls) if call.name == "unlink" and path_in(call.arguments).startswith(_MARK)]
    if len(marks) != 2:
        raise Lost("the log of strace does not show where saving begins and ends")
    return calls[marks[0] + 1 : marks[1]]


def _compare(followed: Files, real: Files) -> None:
    """Raises Lost where the operations that were followed do not lead to what really stands there."""
    for name in sorted(followed.keys() | real.keys()):
        if name not in real or name not in followed or followed[name] != real[name]:
            ways = [_described(files, name) for files in (followed, real)]
            raise Lost(f"what was seen does not lead to what stands there: {name} should be {ways[0]}, and is {ways[1]}")


def _described(files: Files, name: str) -> str:
    if name not in files:
        return "gone"
    content = files[name]
    if isinstance(content, bytes):
        return f"a file of {len(content)} bytes"
    return f"a link to {content.target}" if isinstance(content, Link) else "a folder"
