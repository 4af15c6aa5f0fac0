"""What all attacks share: where one can be made, and what is known of the place where it is played."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ....filetypes import FileType, ParseError, compress, decompress, filetype_of, members, rebuild
from ...snapshot import Snapshot

#: What names that lead out of a place begin with, so that a file made outside of it is told from any other.
TOKEN = "ckpt-canary"
#: What a file outside is called that holds what nobody may read.
SECRET = "secret"
#: A module of the standard library that does nothing, and that nobody imports unless a file tells them to.
UNWANTED = "__hello__"
#: What names of files begin with that should land where an archive is unpacked to, or so many folders below that as the number says
#: that follows.
INSIDE = "ckpt-inside-"


@dataclasses.dataclass(frozen=True)
class Site:
    """Where an attack is played: everything lies in one folder of the trial's own. ``outside`` is what no loader has to do with; where
    code that runs makes the folder `canary`; ``checkpoint`` is the folder that the checkpoint stands in."""

    outside: pathlib.Path
    checkpoint: pathlib.Path

    @property
    def canary(self) -> str:
        return str(self.outside / TOKEN)


@dataclasses.dataclass(frozen=True)
class Host:
    """Bytes that an attack can replace: a ``file``, a ``member`` of an archive, or the content of a file compressed with ``codec``."""

    file: str
    member: str
    data: bytes
    around: bytes
    codec: str = ""

    @property
    def filetype(self) -> FileType | None:
        return filetype_of(self.data)

    def holding(self, data: bytes) -> bytes:
        """The file with other bytes in this place."""
        if self.codec:
            return compress(self.codec, data)
        return rebuild(self.around, {self.member: data}) if self.member else data


@dataclasses.dataclass(frozen=True)
class Attack:
    """One hostile copy: its ``way`` in words, where it is made, and what makes the new bytes of that file. ``beside`` gives files
    that stand outside, by name: what a loader must not read."""

    way: str
    file: str
    member: str
    make: Callable[[Site], bytes]
    beside: Mapping[str, bytes] = dataclasses.field(default_factory=dict)


def hosts(snapshot: Snapshot) -> Iterator[Host]:
    """Yield every file, every member of each archive, and the content of each compressed file."""
    for file, data in snapshot.files.items():
        yield Host(file, "", data, data)
        for member, content in members(data).items():
            yield Host(file, member, content, data)
        with contextlib.suppress(ParseError):
            codec, content = decompress(data)
            yield Host(file, f"what is in {codec}", content, data, codec)


def put(way: str, host: Host, make: Callable[..., bytes], *arguments: Any, **named: Any) -> Attack:
    """An attack that replaces the bytes of a host by ``make(*arguments)``."""
    return Attack(way, host.file, host.member, lambda site: host.holding(make(*arguments, **named)))


def aim(way: str, host: Host, make: Callable[..., bytes], *arguments: Any, beside: Mapping[str, bytes] | None = None) -> Attack:
    """An attack that aims at something on the ground: it replaces the bytes of a host by ``make(ground, *arguments)``."""
    return Attack(way, host.file, host.member, lambda site: host.holding(make(site, *arguments)), beside or {})


def whole_files(snapshot: Snapshot) -> Iterator[Host]:
    """Every file, and no members."""
    return (host for host in hosts(snapshot) if not host.member)
