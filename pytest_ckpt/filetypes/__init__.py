"""Recognize the type of a file by its bytes, and find the regions and the members in it.

Works on bytes, and only on intact files: damaged files are never parsed here. Nothing here knows
formats, frameworks or specs, and the name of a file is never considered.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from . import hdf5, json_header, json_text, msgpack, npy
from . import pickle as pickles
from . import tar as tars
from . import zip as zips
from .base import ParseError, Region, RegionRole
from .compressed import compress, compressed_zeros, decompress


class FileType(enum.StrEnum):
    """A type of file that can be recognized."""

    ZIP = "zip"
    HDF5 = "hdf5"
    NPY = "npy"
    TAR = "tar"
    PICKLE = "pickle"
    JSON_HEADER = "json-header"
    JSON = "json"
    MSGPACK = "msgpack"


#: The parser of each type, in the order in which they are tried: types with a magic number come first.
PARSERS: dict[FileType, ModuleType] = {
    FileType.ZIP: zips,
    FileType.HDF5: hdf5,
    FileType.NPY: npy,
    FileType.TAR: tars,
    FileType.PICKLE: pickles,
    FileType.JSON_HEADER: json_header,
    FileType.JSON: json_text,
    FileType.MSGPACK: msgpack,
}
#: The types whose files have named members.
ARCHIVES = (FileType.ZIP, FileType.TAR)


@functools.lru_cache(256)
def filetype_of(data: bytes) -> FileType | None:
    """Return the type of a file, or None if it is unknown."""
    for filetype, parser in PARSERS.items():
        try:
            for _ in parser.regions(data):
                pass
        except ParseError:
            continue
        return filetype
    return None


@functools.lru_cache(256)
def regions(data: bytes) -> tuple[Region, ...]:
    """Return the regions of a file in order, including those of stored members. A file of unknown type is one region."""
    filetype = filetype_of(data)
    if filetype is None:
        return (Region(0, len(data), ""),) if data else ()
    found = [region for region in _with_nested(data, filetype) if region.length]
    return tuple(sorted(found, key=lambda region: (region.start, region.stop)))


def _with_nested(data: bytes, filetype: FileType) -> Iterator[Region]:
    """Yield the regions of a file. A stored member of a known type is replaced by its own regions."""
    for region in PARSERS[filetype].regions(data):
        content = data[region.start : region.stop]
        if region.role is not RegionRole.STORED_MEMBER or filetype_of(content) is None:
            yield region
            continue
        for inner in regions(content):
            description = f"{inner.description}, in {region.description}"
            yield Region(region.start + inner.start, region.start + inner.stop, description, inner.role)


def members(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive by name, and an empty dict for any other file."""
    filetype = filetype_of(data)
    return PARSERS[filetype].members(data) if filetype in ARCHIVES else {}


def rebuild(data: bytes, changed: Mapping[str, bytes | None]) -> bytes:
    """Return an intact archive with other contents for the members ``changed`` (None removes a member).

    Raise ValueError if the file is not an archive.
    """
    filetype = filetype_of(data)
    if filetype not in ARCHIVES:
        raise ValueError(f"cannot replace members: the file is not a {' or '.join(ARCHIVES)} archive")
    rebuilt: Any = PARSERS[filetype].rebuild(data, dict(changed))
    return bytes(rebuilt)


__all__ = [
    "ARCHIVES",
    "PARSERS",
    "FileType",
    "ParseError",
    "Region",
    "RegionRole",
    "compress",
    "compressed_zeros",
    "decompress",
    "filetype_of",
    "members",
    "rebuild",
    "regions",
]
