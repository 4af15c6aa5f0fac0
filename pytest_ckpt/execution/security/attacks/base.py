"""What all attacks share: the bytes that an attack can replace, and the files around the checkpoint."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ....filetypes import FileType, ParseError, compress, decompress, filetype_of, members, rebuild
from ...snapshot import Snapshot

#: The start of names that lead out of a folder. A file with such a name outside the folder was created by an attack.
TOKEN = "ckpt-canary"
#: The name of a file outside the checkpoint that no loader may read.
SECRET = "secret"
#: A module of the standard library that does nothing, and that only a hostile file imports.
UNWANTED = "__hello__"
#: The start of names that belong inside the folder into which an archive is unpacked. A number follows: how many folders below it.
INSIDE = "ckpt-inside-"


@dataclasses.dataclass(frozen=True)
class Site:
    """The folders of an attack, all inside the folder of the example.

    ``checkpoint`` is the folder of the checkpoint. ``outside`` is a folder that no loader may touch. Code that runs creates the
    folder `canary` in there.
    """

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
        """Return the file with other bytes in this place."""
        if self.codec:
            return compress(self.codec, data)
        return rebuild(self.around, {self.member: data}) if self.member else data


@dataclasses.dataclass(frozen=True)
class Attack:
    """One hostile copy: a description (``way``), the file and member that it changes, and the function that returns the new bytes.

    ``beside`` are files to create outside the checkpoint, by name, which a loader must not read.
    """

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
    """Return an attack that replaces the bytes of a host by ``make(*arguments)``."""
    return Attack(way, host.file, host.member, lambda site: host.holding(make(*arguments, **named)))


def aim(way: str, host: Host, make: Callable[..., bytes], *arguments: Any, beside: Mapping[str, bytes] | None = None) -> Attack:
    """Return an attack that needs to know the folders: it replaces the bytes of a host by ``make(site, *arguments)``."""
    return Attack(way, host.file, host.member, lambda site: host.holding(make(site, *arguments)), beside or {})


def whole_files(snapshot: Snapshot) -> Iterator[Host]:
    """Yield every file, and no members."""
    return (host for host in hosts(snapshot) if not host.member)
