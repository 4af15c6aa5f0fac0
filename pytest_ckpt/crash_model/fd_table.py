"""Which tasks are one process, and which open files its descriptors are."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator

from .strace_log import Call, descriptor_in

CLONES = ("clone", "clone3", "fork", "vfork")


@dataclasses.dataclass
class Open:
    """An open file, which several descriptors may be: its node (None for what is no part of the disk) and path, where in it the next
    byte goes (None where nobody knows), whether it writes at the end, and through to the disk."""

    node: int | None
    path: str
    offset: int | None = 0
    appends: bool = False
    through: bool = False


@dataclasses.dataclass(frozen=True)
class Standing:
    """What a process is in the middle of when following begins: its tasks, its current folder, and the files that it has open, as
    (descriptor, path, offset, flags)."""

    tasks: tuple[int, ...]
    here: str
    opened: tuple[tuple[int, str, int, int], ...] = ()


@dataclasses.dataclass
class Process:
    """What the tasks of one process share. ``since`` says for each descriptor which call made it what it is."""

    here: str
    descriptors: dict[int, Open]
    since: dict[int, int] = dataclasses.field(default_factory=dict)


class Processes:
    """The processes by task. ``found`` gives the node at a path, if it is known."""

    def __init__(self, standing: Standing, found: Callable[[str], int | None]) -> None:
        self._found = found
        first = Process(standing.here, {})
        for number, path, offset, flags in standing.opened:
            first.descriptors[number] = Open(found(path), path, offset, bool(flags & os.O_APPEND), bool(flags & os.O_DSYNC))
        self._tasks = dict.fromkeys(standing.tasks, first)
        self._parents: dict[int, tuple[int, str]] = {}

    def expect(self, calls: list[Call]) -> None:
        """Notes who makes whom: a child may be seen before the call that made it is seen to end."""
        for call in calls:
            if call.name in CLONES and not call.failed:
                self._parents[call.result] = (call.task, call.arguments)

    def of(self, task: int) -> Process:
        if task not in self._tasks:
            parent, flags = self._parents.get(task, (task, ""))
            if parent == task:
                self._tasks[task] = Process("", {})
            else:
                above = self.of(parent)
                self._tasks[task] = above if "CLONE_FILES" in flags else Process(above.here, dict(above.descriptors), dict(above.since))
        return self._tasks[task]

    def known(self, call: Call, text: str) -> Open | None:
        """The open file that was seen to become the descriptor."""
        return self.of(call.task).descriptors.get(_number(text))

    def opened(self, call: Call, text: str) -> Open:
        """The open file that a descriptor is: one that was opened unseen is known by its path alone."""
        path = descriptor_in(text)[1]
        if not path.startswith("/"):
            return Open(None, path)  # a pipe, a socket
        return self.known(call, text) or Open(self._found(path), path, None)

    def now(self, call: Call, number: int, file: Open | None) -> None:
        """From now on the descriptor is this file, or nothing that matters."""
        process = self.of(call.task)
        process.since[number] = call.number
        if file is None:
            process.descriptors.pop(number, None)
        else:
            process.descriptors[number] = file

    def close(self, call: Call, text: str) -> None:
        """Before the call has ended another task may have been given the number again; then that is not what was closed."""
        number = _number(text)
        if self.of(call.task).since.get(number, 0) <= call.before:
            self.now(call, number, None)


def _number(text: str) -> int:
    number = descriptor_in(text)[0]
    return -1 if number is None else number


def standing() -> Standing:
    """What this process is in the middle of."""
    return Standing(tuple(int(task) for task in os.listdir("/proc/self/task")), os.getcwd(), tuple(_files_open_here()))


def _files_open_here() -> Iterator[tuple[int, str, int, int]]:
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            path = os.readlink(f"/proc/self/fd/{number}")
            if path.startswith("/"):
                facts = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/self/fdinfo/{number}").read_text().splitlines())
                yield int(number), path, int(facts["pos"]), int(facts["flags"], 8)
