"""Zip archives: where their structures lie, and how one is written that no honest tool would write.

Reads only archives that are whole; a member's local header is found through the directory at the end.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator

from .base import ParseError, Region

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
#: The mode bits of a symbolic link, where archives keep those of Unix.
LINK_MODE = 0o120777 << 16


@dataclasses.dataclass(frozen=True)
class Entry:
    """One member: its ``name``, whether it is ``stored`` as it is, and where its structures begin and end in the archive."""

    name: str
    stored: bool
    local: int
    start: int
    stop: int
    after: int
    central: int
    central_stop: int


def entries(data: bytes) -> list[Entry]:
    """The members, in the order of the directory. Raises NotOne."""
    end = data.rfind(_END)
    if not data.startswith((_LOCAL, _END)) or end < 0 or end + 22 > len(data):
        raise ParseError
    count, _, at = struct.unpack_from("<HII", data, end + 10)
    found = []
    try:
        for _ in range(count):
            if data[at : at + 4] != _CENTRAL:
                raise ParseError
            flags, method = struct.unpack_from("<HH", data, at + 8)
            packed, _, name_length, extra, comment = struct.unpack_from("<IIHHH", data, at + 20)
            (local,) = struct.unpack_from("<I", data, at + 42)
            name = data[at + 46 : at + 46 + name_length]
            if data[local : local + 4] != _LOCAL:
                raise ParseError
            local_name, local_extra = struct.unpack_from("<HH", data, local + 26)
            start = local + 30 + local_name + local_extra
            if packed == 0xFFFFFFFF:  # the true size stands in an extra field
                packed = _long_size(data[at + 46 + name_length : at + 46 + name_length + extra])
            after = start + packed + (_descriptor(data, start + packed) if flags & 8 else 0)
            text = name.decode("utf-8" if flags & 0x800 else "cp437")
            central_stop = at + 46 + name_length + extra + comment
            found.append(Entry(text, method == 0, local, start, start + packed, after, at, central_stop))
            at = central_stop
    except (struct.error, UnicodeDecodeError):
        raise ParseError from None
    return found


def _long_size(extra: bytes) -> int:
    while len(extra) >= 4:
        tag, size = struct.unpack_from("<HH", extra)
        if tag == 1 and size >= 16:
            return int(struct.unpack_from("<QQ", extra, 4)[1])
        extra = extra[4 + size :]
    raise ParseError


def _descriptor(data: bytes, at: int) -> int:
    """How long the record behind a member is that repeats its sizes: with 32 or 64 bits, with its own mark or without."""
    mark = 4 if data[at : at + 4] == b"PK\x07\x08" else 0
    following = (_LOCAL, _CENTRAL)
    return next((mark + length for length in (12, 20) if data[at + mark + length :].startswith(following)), 0)


def regions(data: bytes) -> Iterator[Region]:
    """Every structure of the archive. Raises NotOne."""
    found = entries(data)
    for entry in found:
        yield Region(entry.local, entry.start, f"the local header of the member {entry.name!r}")
        packed = "" if entry.stored else "compressed "
        yield Region(entry.start, entry.stop, f"the {packed}data of the member {entry.name!r}")
        if entry.after > entry.stop:
            yield Region(entry.stop, entry.after, f"the data descriptor of the member {entry.name!r}")
    for entry in found:
        yield Region(entry.central, entry.central_stop, f"the directory entry of the member {entry.name!r}")
    yield Region(max([0, *(entry.central_stop for entry in found)]), len(data), "the end of the directory")


def members(data: bytes) -> dict[str, bytes]:
    """What is in the archive, by name. Raises NotOne."""
    entries(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    except Exception as error:
        raise ParseError from error


def rebuilt(data: bytes, changed: dict[str, bytes | None], added: Iterable[tuple[str, bytes, int]] = ()) -> bytes:
    """The archive with other members, whole again: those in ``changed`` get other bytes, or are gone where it has None; ``added``
    are names, bytes and mode bits of further ones."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = changed.get(info.filename, old.read(info))
            if content is not None:
                _write(new, info.filename, content, info.external_attr, info.compress_type)
        for name, content, attributes in added:
            _write(new, name, content, attributes)
    return out.getvalue()


def written(contents: Iterable[tuple[str, bytes]]) -> bytes:
    """A new archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in contents:
            _write(archive, name, content)
    return out.getvalue()


def _write(archive: zipfile.ZipFile, name: str, content: bytes, attributes: int = 0, method: int = zipfile.ZIP_STORED) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = attributes, method
    if attributes:
        info.create_system = 3
    archive.writestr(info, content)


def with_offset(data: bytes, entry: Entry, offset: int) -> bytes:
    """The archive with another place for a member in its directory."""
    return data[: entry.central + 42] + struct.pack("<I", offset & 0xFFFFFFFF) + data[entry.central + 46 :]


def with_sizes(data: bytes, entry: Entry, packed: int, unpacked: int) -> bytes:
    """The archive with other sizes for a member in its directory."""
    return data[: entry.central + 20] + struct.pack("<II", packed & 0xFFFFFFFF, unpacked & 0xFFFFFFFF) + data[entry.central + 28 :]


@functools.cache
def _zeros(mebibytes: int) -> tuple[bytes, int]:
    """So many MiB of zeros, compressed, and their checksum. Compressed once for a MiB, which then stands there many times."""
    one = bytes(1 << 20)
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = press.compress(one) + press.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(mebibytes):
        checksum = zlib.crc32(one, checksum)
    return block * mebibytes + press.flush(zlib.Z_FINISH), checksum


def with_zeros(contents: dict[str, bytes], name: str, mebibytes: int) -> bytes:
    """A new archive in which one member is so many MiB of zeros, compressed to about a thousandth."""
    packed, checksum = _zeros(mebibytes)
    locals_, centrals, at = b"", b"", 0
    for each, content in {**contents, name: b""}.items():
        text = each.encode()
        if each == name:
            body, check, size, method = packed, checksum, mebibytes << 20, 8
        else:
            body, check, size, method = content, zlib.crc32(content), len(content), 0
        fields = struct.pack("<HHHHHIIIHH", 20, 0x800, method, 0, 33, check, len(body), size, len(text), 0)
        locals_ += _LOCAL + fields + text + body
        centrals += _CENTRAL + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, at) + text
        at = len(locals_)
    count = len({**contents, name: b""})
    return locals_ + centrals + _END + struct.pack("<HHHHIIH", 0, 0, count, count, len(centrals), len(locals_), 0)
