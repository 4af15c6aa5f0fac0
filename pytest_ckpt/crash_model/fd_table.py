"""The open files of the recorded processes, by descriptor."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator

from .strace_log import Call, descriptor_in

CLONES = ("clone", "clone3", "fork", "vfork")


@dataclasses.dataclass
class OpenFile:
    """An open file, which several descriptors may share.

    Without a ``node`` it is not a file on disk, and without an ``offset`` its offset is unknown.
    ``appends`` stands for O_APPEND, and ``synchronous`` for O_SYNC and O_DSYNC.
    """

    node: int | None
    path: str
    offset: int | None = 0
    appends: bool = False
    synchronous: bool = False


@dataclasses.dataclass(frozen=True)
class ProcessState:
    """The state of a process when the recording begins.

    It has the ids of the tasks (threads), the current directory, and the open files as (descriptor,
    path, offset, flags).
    """

    tasks: tuple[int, ...]
    directory: str
    opened: tuple[tuple[int, str, int, int], ...] = ()


@dataclasses.dataclass
class Process:
    """What the tasks of one process share. ``changed_at`` has for each descriptor the number of the call that last changed it."""

    directory: str
    descriptors: dict[int, OpenFile]
    changed_at: dict[int, int] = dataclasses.field(default_factory=dict)


class Processes:
    """The recorded processes by task. ``find`` returns the node at a path if it is known."""

    def __init__(self, state: ProcessState, find: Callable[[str], int | None]) -> None:
        self._find = find
        first = Process(state.directory, {})
        for number, path, offset, flags in state.opened:
            first.descriptors[number] = OpenFile(find(path), path, offset, bool(flags & os.O_APPEND), bool(flags & os.O_DSYNC))
        self._tasks = dict.fromkeys(state.tasks, first)
        self._parents: dict[int, tuple[int, str]] = {}

    def add_parents(self, calls: list[Call]) -> None:
        """Note the parent of each new task: the first call of a child may come before the end of the call that created it."""
        for call in calls:
            if call.name in CLONES and not call.failed:
                self._parents[call.result] = (call.task, call.arguments)

    def of(self, task: int) -> Process:
        """Return the process of a task."""
        if task not in self._tasks:
            parent, flags = self._parents.get(task, (task, ""))
            if parent == task:
                self._tasks[task] = Process("", {})
            else:
                process = self.of(parent)
                copy = Process(process.directory, dict(process.descriptors), dict(process.changed_at))
                self._tasks[task] = process if "CLONE_FILES" in flags else copy
        return self._tasks[task]

    def recorded_file(self, call: Call, text: str) -> OpenFile | None:
        """Return the file of a descriptor if its opening was recorded."""
        return self.of(call.task).descriptors.get(_number(text))

    def file(self, call: Call, text: str) -> OpenFile:
        """Return the file of a descriptor. If its opening was not recorded, only its path is known."""
        path = descriptor_in(text)[1]
        if not path.startswith("/"):
            return OpenFile(None, path)  # a pipe or a socket
        return self.recorded_file(call, text) or OpenFile(self._find(path), path, None)

    def set(self, call: Call, number: int, file: OpenFile | None) -> None:
        """Give a descriptor a file, or none that is followed."""
        process = self.of(call.task)
        process.changed_at[number] = call.number
        if file is None:
            process.descriptors.pop(number, None)
        else:
            process.descriptors[number] = file

    def close(self, call: Call, text: str) -> None:
        """Close a descriptor, unless another task was given the same number before the call ended."""
        number = _number(text)
        if self.of(call.task).changed_at.get(number, 0) <= call.ended_before:
            self.set(call, number, None)


def _number(text: str) -> int:
    number = descriptor_in(text)[0]
    return -1 if number is None else number


def process_state() -> ProcessState:
    """Return the state of this process."""
    return ProcessState(tuple(int(task) for task in os.listdir("/proc/self/task")), os.getcwd(), tuple(_open_files()))


def _open_files() -> Iterator[tuple[int, str, int, int]]:
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            path = os.readlink(f"/proc/self/fd/{number}")
            if path.startswith("/"):
                facts = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/self/fdinfo/{number}").read_text().splitlines())
                yield int(number), path, int(facts["pos"]), int(facts["flags"], 8)
