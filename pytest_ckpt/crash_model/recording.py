"""Records what a function does to the disk, in a process that runs under strace.

The process is started under the tracer and kept: attaching later would stop it at every system call. What it does between two
marks in the log is followed; where that does not lead to what really stands on the disk, nothing is recorded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator

from ..workers import Worker
from .fd_table import Standing, standing
from .file_system import Disk, Files, Link, Operation, files_in
from .path_lookup import Lost
from .strace_log import Call, calls_in, path_in
from .syscalls import TRACED, follow
from .tracing import worker_under_strace
from .tracker import Follower

#: Bytes of one write that the log holds.
_LONGEST = 1 << 24
#: Nothing has such a name; that removing it failed is what is seen in the log.
_MARK = "/pytest-ckpt-mark/"


@dataclasses.dataclass(frozen=True)
class History:
    """``operations`` turned the folder that is the node ``root`` of the disk ``start`` into what stands there now."""

    start: Disk
    root: int
    operations: tuple[Operation, ...]


def traced_worker(log: pathlib.Path) -> Worker:
    """A worker under strace, which writes what it does beside ``log``. Raises CannotTrace."""
    # With a "?" strace passes over a call that this machine's processor does not have.
    calls = ",".join(f"?{name}" for name in TRACED)
    # Of what is read only the number of bytes matters; printing the rest would take time.
    shown = ["-y", "-xx", "-s", str(_LONGEST), "-e", "raw=?read,?readv", "-e", "signal=none"]
    return worker_under_strace(log, *shown, "-e", f"trace={calls}", "-o", str(_traced(log)))


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
