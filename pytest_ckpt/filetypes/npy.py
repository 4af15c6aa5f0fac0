"""Single arrays with a header that is a Python literal, as numpy writes them."""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterator
from typing import Any

from .base import ParseError, Region

MAGIC = b"\x93NUMPY"


def header(data: bytes) -> tuple[dict[str, Any], int]:
    """What the header says, and where the elements begin. Raises NotOne."""
    if not data.startswith(MAGIC) or len(data) < 12:
        raise ParseError
    start, length = (10, struct.unpack_from("<H", data, 8)[0]) if data[6] == 1 else (12, struct.unpack_from("<I", data, 8)[0])
    try:
        said = ast.literal_eval(data[start : start + length].decode("latin1"))
    except (SyntaxError, ValueError):
        raise ParseError from None
    if not isinstance(said, dict) or not {"descr", "fortran_order", "shape"} <= said.keys():
        raise ParseError
    return said, start + length


def regions(data: bytes) -> Iterator[Region]:
    """Every structure of the file. Raises NotOne."""
    _, stop = header(data)
    start = 10 if data[6] == 1 else 12
    yield Region(0, len(MAGIC), "the magic number")
    yield Region(len(MAGIC), 8, "the version")
    yield Region(8, start, "the length of the header")
    yield Region(start, stop, "the header")
    yield Region(stop, len(data), "the elements")


def written(said: dict[str, Any], body: bytes) -> bytes:
    """An array with a header that may say anything."""
    text = (repr(said) + "\n").encode("latin1")
    text = text[:-1] + b" " * (-(len(text) + 10) % 64) + b"\n"
    return MAGIC + b"\x01\x00" + struct.pack("<H", len(text)) + text + body


def rebuilt(data: bytes, **changed: Any) -> bytes:
    """The array with another header. Raises NotOne."""
    said, start = header(data)
    return written({**said, **changed}, data[start:])
