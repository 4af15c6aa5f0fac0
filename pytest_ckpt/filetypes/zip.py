"""Zip archives: their structures, and archives with wrong sizes, offsets, names and links.

Only intact archives are read. The headers of members are found through the directory at the end.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator

from .base import ParseError, Region, RegionRole

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
#: The external attributes of a symbolic link.
LINK_MODE = 0o120777 << 16


@dataclasses.dataclass(frozen=True)
class Entry:
    """One member: its name, whether it is stored without compression, and the positions of its structures in the archive.

    The data extend from ``start`` to ``stop``, and the data descriptor from there to ``descriptor_stop``.
    """

    name: str
    stored: bool
    local_header: int
    start: int
    stop: int
    descriptor_stop: int
    directory_entry: int
    directory_entry_stop: int


def entries(data: bytes) -> list[Entry]:
    """Return the members in the order of the directory. Raise `ParseError` for any other file."""
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
            size, _, name_length, extra, comment = struct.unpack_from("<IIHHH", data, at + 20)
            (local,) = struct.unpack_from("<I", data, at + 42)
            name = data[at + 46 : at + 46 + name_length]
            if data[local : local + 4] != _LOCAL:
                raise ParseError
            local_name, local_extra = struct.unpack_from("<HH", data, local + 26)
            start = local + 30 + local_name + local_extra
            if size == 0xFFFFFFFF:  # the size is in an extra field
                size = _long_size(data[at + 46 + name_length : at + 46 + name_length + extra])
            after = start + size + (_descriptor(data, start + size) if flags & 8 else 0)
            text = name.decode("utf-8" if flags & 0x800 else "cp437")
            central_stop = at + 46 + name_length + extra + comment
            found.append(Entry(text, method == 0, local, start, start + size, after, at, central_stop))
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
    """Return the length of the data descriptor after a member. Its sizes have 32 or 64 bits, and its signature is optional."""
    signature = 4 if data[at : at + 4] == b"PK\x07\x08" else 0
    following = (_LOCAL, _CENTRAL)
    return next((signature + length for length in (12, 20) if data[at + signature + length :].startswith(following)), 0)


def regions(data: bytes) -> Iterator[Region]:
    """Yield the local header, the data and the data descriptor of each member, then the directory."""
    found = entries(data)
    for entry in found:
        yield Region(entry.local_header, entry.start, f"the local header of the member {entry.name!r}")
        if entry.stored:
            yield Region(entry.start, entry.stop, f"the data of the member {entry.name!r}", RegionRole.STORED_MEMBER)
        else:
            yield Region(entry.start, entry.stop, f"the compressed data of the member {entry.name!r}", RegionRole.COMPRESSED_MEMBER)
        if entry.descriptor_stop > entry.stop:
            yield Region(entry.stop, entry.descriptor_stop, f"the data descriptor of the member {entry.name!r}")
    for entry in found:
        yield Region(entry.directory_entry, entry.directory_entry_stop, f"the directory entry of the member {entry.name!r}")
    yield Region(max([0, *(entry.directory_entry_stop for entry in found)]), len(data), "the end of the directory")


def members(data: bytes) -> dict[str, bytes]:
    """Return the content of each file in an archive by name. Raise `ParseError` for any other file."""
    entries(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    except Exception as error:
        raise ParseError from error


def rebuild(data: bytes, changed: dict[str, bytes | None], added: Iterable[tuple[str, bytes, int]] = ()) -> bytes:
    """Return an intact archive with other contents for the members ``changed`` (None removes a member).

    ``added`` holds the names, contents and external attributes of further members.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = changed.get(info.filename, old.read(info))
            if content is not None:
                _write(new, info.filename, content, info.external_attr, info.compress_type)
        for name, content, attributes in added:
            _write(new, name, content, attributes)
    return out.getvalue()


def build(contents: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a new archive."""
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
    """Return the archive with another position of a member in its directory."""
    return data[: entry.directory_entry + 42] + struct.pack("<I", offset & 0xFFFFFFFF) + data[entry.directory_entry + 46 :]


def with_sizes(data: bytes, entry: Entry, compressed: int, uncompressed: int) -> bytes:
    """Return the archive with other sizes of a member in its directory."""
    start = entry.directory_entry + 20
    return data[:start] + struct.pack("<II", compressed & 0xFFFFFFFF, uncompressed & 0xFFFFFFFF) + data[start + 8 :]


@functools.cache
def _zeros(mebibytes: int) -> tuple[bytes, int]:
    """Return so many MiB of zeros in compressed form, and their checksum. One MiB is compressed, and its compressed form is repeated."""
    one = bytes(1 << 20)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = compressor.compress(one) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(mebibytes):
        checksum = zlib.crc32(one, checksum)
    return block * mebibytes + compressor.flush(zlib.Z_FINISH), checksum


def with_zeros(contents: dict[str, bytes], name: str, mebibytes: int) -> bytes:
    """Return a new archive in which the member ``name`` is so many MiB of zeros, compressed to about a thousandth."""
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
