"""Parse the log of strace. The lines of all tasks become system calls, in the order in which the calls ended."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

#: strace writes every string and path in hexadecimal digits, so that none can be mistaken for the syntax of the line.
_HEX = r"(?:\\x[0-9a-f]{2})*"
_UNFINISHED = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_COMPLETE = re.compile(r"^(\d+) +(\w+)\((.*)$")
_RESULT = re.compile(r"^(.*)\) += (.*)$")
_DESCRIPTOR = re.compile(rf"^(-?\d+|AT_FDCWD)(?:<({_HEX}|[^>]*)>)?(\(deleted\))?")
_STRING = re.compile(rf'"({_HEX})"(\.\.\.)?')


class Truncated(ValueError):
    """The log has only the beginning of a string."""


@dataclasses.dataclass(frozen=True)
class Call:
    """A system call.

    ``number`` counts the calls in the order in which they ended, from 1, and ``ended_before`` is how
    many had ended when this one began.
    """

    task: int
    name: str
    arguments: str
    returned: str
    number: int
    ended_before: int

    @property
    def parts(self) -> list[str]:
        """The arguments one by one. A structure is one argument; a list of structures is split, but its ends are correct."""
        return re.split(r", (?![^\[{]*[\]}])", self.arguments)

    @property
    def failed(self) -> bool:
        """Whether the call returned an error, or never returned."""
        return self.returned.startswith(("-1 ", "?"))

    @property
    def result(self) -> int:
        """The number that the call returned."""
        return int(self.returned.split()[0].split("<")[0], 0)


def calls_in(lines: Iterable[str]) -> Iterator[Call]:
    """Yield the calls that ended."""
    unfinished: dict[int, tuple[str, int]] = {}
    ended = 0
    for line in lines:
        if found := _UNFINISHED.match(line):
            unfinished[int(found[1])] = (found[3], ended)
            continue
        if found := _RESUMED.match(line):
            beginning, before = unfinished.pop(int(found[1]), ("", ended))
            rest = beginning + found[3]
        elif found := _COMPLETE.match(line):
            rest, before = found[3], ended
        else:
            continue  # a signal, or the end of a task
        if end := _RESULT.match(rest):
            ended += 1
            yield Call(int(found[1]), found[2], end[1].strip(), end[2].strip(), ended, before)


def descriptor_in(text: str) -> tuple[int | None, str]:
    """Return the number of a descriptor (None for the current directory), and the path of its file."""
    found = _DESCRIPTOR.match(text)
    if found is None:
        return -1, ""
    return (None if found[1] == "AT_FDCWD" else int(found[1])), _decode(found[2] or "")


def strings_in(text: str) -> list[bytes]:
    """Return the strings in an argument. Raise `Truncated` if the log does not have all of one."""
    found = []
    for match in _STRING.finditer(text):
        if match[2]:
            raise Truncated
        found.append(bytes.fromhex(match[1].replace("\\x", "")))
    return found


def path_in(text: str) -> str:
    """Return the first string in an argument as a path."""
    return strings_in(text)[0].decode(errors="surrogateescape")


def _decode(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode(errors="surrogateescape") if text.startswith("\\x") else text
