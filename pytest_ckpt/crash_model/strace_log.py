"""Reads what strace writes: lines of several tasks at once become system calls in the order in which they ended."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

#: Every string and path is written in such digits, so that nothing in one can be taken for the line around it.
_HEX = r"(?:\\x[0-9a-f]{2})*"
_BEGUN = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_WHOLE = re.compile(r"^(\d+) +(\w+)\((.*)$")
_ENDED = re.compile(r"^(.*)\) += (.*)$")
_DESCRIPTOR = re.compile(rf"^(-?\d+|AT_FDCWD)(?:<({_HEX}|[^>]*)>)?(\(deleted\))?")
_STRING = re.compile(rf'"({_HEX})"(\.\.\.)?')


class NotShown(ValueError):
    """A string of which the line holds only the beginning."""


@dataclasses.dataclass(frozen=True)
class Call:
    """A system call: the ``number``-th that ended, when ``before`` of them had ended as it began."""

    task: int
    name: str
    arguments: str
    returned: str
    number: int
    before: int

    @property
    def parts(self) -> list[str]:
        """The arguments one by one, a structure as one; of lists of structures the first and what comes after the last count."""
        return re.split(r", (?![^\[{]*[\]}])", self.arguments)

    @property
    def failed(self) -> bool:
        return self.returned.startswith(("-1 ", "?"))

    @property
    def result(self) -> int:
        return int(self.returned.split()[0].split("<")[0], 0)


def calls_in(lines: Iterable[str]) -> Iterator[Call]:
    """The calls that ended."""
    begun: dict[int, tuple[str, int]] = {}
    ended = 0
    for line in lines:
        if found := _BEGUN.match(line):
            begun[int(found[1])] = (found[3], ended)
            continue
        if found := _RESUMED.match(line):
            beginning, before = begun.pop(int(found[1]), ("", ended))
            rest = beginning + found[3]
        elif found := _WHOLE.match(line):
            rest, before = found[3], ended
        else:
            continue  # a signal, or the end of a task
        if end := _ENDED.match(rest):
            ended += 1
            yield Call(int(found[1]), found[2], end[1].strip(), end[2].strip(), ended, before)


def descriptor_in(text: str) -> tuple[int | None, str]:
    """Of a descriptor as strace writes it the number (None where the current folder is meant) and the path of its file."""
    found = _DESCRIPTOR.match(text)
    if found is None:
        return -1, ""
    return (None if found[1] == "AT_FDCWD" else int(found[1])), _decoded(found[2] or "")


def strings_in(text: str) -> list[bytes]:
    """The strings in an argument. Raises NotShown where one was cut."""
    found = []
    for match in _STRING.finditer(text):
        if match[2]:
            raise NotShown
        found.append(bytes.fromhex(match[1].replace("\\x", "")))
    return found


def path_in(text: str) -> str:
    return strings_in(text)[0].decode(errors="surrogateescape")


def _decoded(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode(errors="surrogateescape") if text.startswith("\\x") else text
