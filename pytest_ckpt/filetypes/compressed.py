"""Files that are compressed as a whole: gzip, zlib, bzip2, xz."""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from .base import ParseError


class _Codec(NamedTuple):
    magic: bytes
    decompress: Callable[[bytes], bytes]
    #: Returns an object that compresses a stream piece by piece.
    compressor: Callable[[], Any]


_CODECS: dict[str, _Codec] = {
    "gzip": _Codec(b"\x1f\x8b", gzip.decompress, functools.partial(zlib.compressobj, wbits=31)),
    "bzip2": _Codec(b"BZh", bz2.decompress, bz2.BZ2Compressor),
    "xz": _Codec(b"\xfd7zXZ", lzma.decompress, lzma.LZMACompressor),
    "zlib": _Codec(b"\x78", zlib.decompress, zlib.compressobj),
}


def decompress(data: bytes) -> tuple[str, bytes]:
    """Return the name of the codec, and the decompressed content. Raise `ParseError` if the file is not compressed."""
    for name, codec in _CODECS.items():
        if data.startswith(codec.magic):
            try:
                return name, codec.decompress(data)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                continue
    raise ParseError


def compress(codec: str, data: bytes) -> bytes:
    """Compress a file with the codec of this name."""
    compressor = _CODECS[codec].compressor()
    return bytes(compressor.compress(data) + compressor.flush())


@functools.lru_cache(1)
def compressed_zeros(codec: str, mebibytes: int) -> bytes:
    """Compress so many MiB of zeros, without ever holding all of them in memory."""
    compressor, zeros = _CODECS[codec].compressor(), bytes(1 << 20)
    return b"".join([*(compressor.compress(zeros) for _ in range(mebibytes)), compressor.flush()])
