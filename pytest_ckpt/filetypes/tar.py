"""Uncompressed tar archives: their members, and archives with hostile names and links."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator

from .base import ParseError, Region, RegionRole


def _members(data: bytes) -> list[tarfile.TarInfo]:
    if data[257:262] != b"ustar":
        raise ParseError
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            return archive.getmembers()
    except tarfile.TarError:
        raise ParseError from None


def regions(data: bytes) -> Iterator[Region]:
    """Yield the header, the data and the padding of each member, and the end of the archive."""
    stop = 0
    for member in _members(data):
        yield Region(stop, member.offset_data, f"the header of the member {member.name!r}")
        stop = member.offset_data + member.size
        yield Region(member.offset_data, stop, f"the data of the member {member.name!r}", RegionRole.STORED_MEMBER)
        padded = -stop % 512
        yield Region(stop, stop + padded, "padding")
        stop += padded
    yield Region(stop, len(data), "the end of the archive")


def members(data: bytes) -> dict[str, bytes]:
    """Return the content of each file in an archive by name. Raise `ParseError` for any other file."""
    return {each.name: data[each.offset_data : each.offset_data + each.size] for each in _members(data) if each.isfile()}


def rebuild(data: bytes, changed: dict[str, bytes | None], added: Iterable[tuple[tarfile.TarInfo, bytes]] = ()) -> bytes:
    """Return an intact archive with the members ``added``, and other contents for the members ``changed`` (None removes a member)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as new:
        for member in _members(data):
            content = changed.get(member.name, data[member.offset_data : member.offset_data + member.size])
            if content is not None:
                _write(new, member, content)
        for member, content in added:
            _write(new, member, content)
    return out.getvalue()


def build(contents: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a new archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as new:
        for member, content in contents:
            _write(new, member, content)
    return out.getvalue()


def file_member(name: str) -> tarfile.TarInfo:
    """Return the header of a regular file."""
    return tarfile.TarInfo(name)


def link_member(name: str, target: str, hard: bool = False) -> tarfile.TarInfo:
    """Return the header of a symbolic or a hard link."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target
    return info


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, content: bytes) -> None:
    member.size = len(content) if member.isfile() else 0
    archive.addfile(member, io.BytesIO(content) if member.isfile() else None)
