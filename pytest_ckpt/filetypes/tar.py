"""Tar archives, plain ones: their members, and how one is written with hostile names and links."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator

from .base import ParseError, Region


def _members(data: bytes) -> list[tarfile.TarInfo]:
    if data[257:262] != b"ustar":
        raise ParseError
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            return archive.getmembers()
    except tarfile.TarError:
        raise ParseError from None


def regions(data: bytes) -> Iterator[Region]:
    """Every structure of the archive. Raises NotOne."""
    stop = 0
    for member in _members(data):
        yield Region(stop, member.offset_data, f"the header of the member {member.name!r}")
        stop = member.offset_data + member.size
        yield Region(member.offset_data, stop, f"the data of the member {member.name!r}")
        padded = -stop % 512
        yield Region(stop, stop + padded, "padding")
        stop += padded
    yield Region(stop, len(data), "the end of the archive")


def members(data: bytes) -> dict[str, bytes]:
    """The files in the archive, by name. Raises NotOne."""
    return {each.name: data[each.offset_data : each.offset_data + each.size] for each in _members(data) if each.isfile()}


def rebuilt(data: bytes, changed: dict[str, bytes | None], added: Iterable[tuple[tarfile.TarInfo, bytes]] = ()) -> bytes:
    """The archive with other members: those in ``changed`` get other bytes, or are gone where it has None."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as new:
        for member in _members(data):
            content = changed.get(member.name, data[member.offset_data : member.offset_data + member.size])
            if content is not None:
                _write(new, member, content)
        for member, content in added:
            _write(new, member, content)
    return out.getvalue()


def written(contents: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A new archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as new:
        for member, content in contents:
            _write(new, member, content)
    return out.getvalue()


def plain(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


def link(name: str, target: str, hard: bool = False) -> tarfile.TarInfo:
    """A member that is a link."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target
    return info


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, content: bytes) -> None:
    member.size = len(content) if member.isfile() else 0
    archive.addfile(member, io.BytesIO(content) if member.isfile() else None)
