"""Record the operations of a function on the disk, in a worker under strace.

The worker runs under the tracer from its start, because an attached tracer would stop it at every
system call. The calls between two marks in the log are followed. If their result differs from the
real disk, there is no record.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator

from ..workers import Worker
from .fd_table import ProcessState, process_state
from .file_system import Files, FileSystem, Link, Operation, read_files
from .path_lookup import CannotFollow
from .strace_log import Call, calls_in, path_in
from .syscalls import TRACED, follow
from .tracing import worker_under_strace
from .tracker import Tracker

#: The largest number of bytes of one write in the log.
_LONGEST_WRITE = 1 << 24
#: A mark is an attempt to remove a file with this prefix. No such file exists, but strace logs the attempt.
_MARK = "/pytest-ckpt-mark/"


@dataclasses.dataclass(frozen=True)
class History:
    """The ``operations`` on a folder, which is the node ``root`` of the file system ``start`` before them."""

    start: FileSystem
    root: int
    operations: tuple[Operation, ...]


def traced_worker(log: pathlib.Path) -> Worker:
    """Start a worker under strace. Its trace is a file next to ``log``. Raise `CannotTrace` if that is impossible here."""
    # strace ignores a name with "?" if the processor has no such call.
    calls = ",".join(f"?{name}" for name in TRACED)
    # Of a read only the number of bytes matters, and raw output saves time.
    options = ["-y", "-xx", "-s", str(_LONGEST_WRITE), "-e", "raw=?read,?readv", "-e", "signal=none"]
    return worker_under_strace(log, *options, "-e", f"trace={calls}", "-o", str(_trace_of(log)))


def _trace_of(log: pathlib.Path) -> pathlib.Path:
    return log.with_suffix(".strace")


@contextlib.contextmanager
def marked_section() -> Iterator[ProcessState]:
    """Mark the calls to follow, which are those made inside. Used in the worker; yields its state at the beginning."""
    state = process_state()
    _mark("begin")
    try:
        yield state
    finally:
        _mark("end")


def _mark(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(_MARK + name)


class Recorder:
    """Records the operations of a traced worker on ``folder`` from now on."""

    def __init__(self, worker: Worker, folder: pathlib.Path) -> None:
        self._trace = _trace_of(worker.log)
        self._start = self._trace.stat().st_size
        self._folder = folder
        self._before = read_files(folder)

    def history(self, state: ProcessState, shorten: Callable[[str], str] = str) -> History:
        """Return the operations between the marks, beginning in the ``state`` that `marked_section` has yielded.

        ``shorten`` shortens the paths in the folder for messages. Raise `CannotFollow` if the
        recorded calls do not determine the files that are on disk now.
        """
        with self._trace.open() as log:
            log.seek(self._start)
            calls = list(calls_in(log))
        tracker = Tracker(self._folder, self._before, state, shorten)
        follow(tracker, _between_marks(calls))
        history = History(tracker.start, tracker.root, tracker.operations())
        _compare(replay(history), read_files(self._folder))
        return history


def replay(history: History) -> Files:
    """Return the files after all operations."""
    file_system = history.start.copy()
    for operation in history.operations:
        file_system.apply(operation)
    return file_system.files_below(history.root)


def _between_marks(calls: list[Call]) -> list[Call]:
    marks = [index for index, call in enumerate(calls) if call.name == "unlink" and path_in(call.arguments).startswith(_MARK)]
    if len(marks) != 2:
        raise CannotFollow("the log of strace does not have both marks around the save")
    return calls[marks[0] + 1 : marks[1]]


def _compare(replayed: Files, real: Files) -> None:
    """Raise `CannotFollow` if the operations do not give the files that are really on disk."""
    for name in sorted(replayed.keys() | real.keys()):
        if name not in real or name not in replayed or replayed[name] != real[name]:
            expected, actual = (_describe(files, name) for files in (replayed, real))
            raise CannotFollow(f"the recorded operations do not give the files on disk: {name} is {actual}, not {expected}")


def _describe(files: Files, name: str) -> str:
    if name not in files:
        return "missing"
    content = files[name]
    if isinstance(content, bytes):
        return f"a file of {len(content)} bytes"
    return f"a link to {content.target}" if isinstance(content, Link) else "a folder"
