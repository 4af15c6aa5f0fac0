"""Streams that are packed as a whole: gzip, zlib, bzip2, xz."""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from .base import ParseError


class _Way(NamedTuple):
    begins: bytes
    unpack: Callable[[bytes], bytes]
    #: Gives what packs one piece after the other.
    packer: Callable[[], Any]


_WAYS: dict[str, _Way] = {
    "gzip": _Way(b"\x1f\x8b", gzip.decompress, functools.partial(zlib.compressobj, wbits=31)),
    "bzip2": _Way(b"BZh", bz2.decompress, bz2.BZ2Compressor),
    "xz": _Way(b"\xfd7zXZ", lzma.decompress, lzma.LZMACompressor),
    "zlib": _Way(b"\x78", zlib.decompress, zlib.compressobj),
}


def unpacked(data: bytes) -> tuple[str, bytes]:
    """In which way bytes are packed, and what is in them. Raises NotOne."""
    for name, way in _WAYS.items():
        if data.startswith(way.begins):
            try:
                return name, way.unpack(data)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                continue
    raise ParseError


def packed(way: str, data: bytes) -> bytes:
    packer = _WAYS[way].packer()
    return bytes(packer.compress(data) + packer.flush())


@functools.lru_cache(1)
def packed_zeros(way: str, size: int) -> bytes:
    """So many MiB of zeros, which are never in memory all at once."""
    packer, zeros = _WAYS[way].packer(), bytes(1 << 20)
    return b"".join([*(packer.compress(zeros) for _ in range(size)), packer.flush()])
