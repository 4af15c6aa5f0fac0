"""Files of `numpy.save`: one array, with a header that is a Python literal."""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterator
from typing import Any

from .base import ParseError, Region

MAGIC = b"\x93NUMPY"


def parse_header(data: bytes) -> tuple[dict[str, Any], int]:
    """Return the header, and the position of the first element. Raise `ParseError` for any other file."""
    if not data.startswith(MAGIC) or len(data) < 12:
        raise ParseError
    start, length = (10, struct.unpack_from("<H", data, 8)[0]) if data[6] == 1 else (12, struct.unpack_from("<I", data, 8)[0])
    try:
        header = ast.literal_eval(data[start : start + length].decode("latin1"))
    except (SyntaxError, ValueError):
        raise ParseError from None
    if not isinstance(header, dict) or not {"descr", "fortran_order", "shape"} <= header.keys():
        raise ParseError
    return header, start + length


def regions(data: bytes) -> Iterator[Region]:
    """Yield the parts of a file."""
    _, stop = parse_header(data)
    start = 10 if data[6] == 1 else 12
    yield Region(0, len(MAGIC), "the magic number")
    yield Region(len(MAGIC), 8, "the version")
    yield Region(8, start, "the length of the header")
    yield Region(start, stop, "the header")
    yield Region(stop, len(data), "the elements")


def build(header: dict[str, Any], body: bytes) -> bytes:
    """Return a new file. The header need not describe the body."""
    text = (repr(header) + "\n").encode("latin1")
    text = text[:-1] + b" " * (-(len(text) + 10) % 64) + b"\n"
    return MAGIC + b"\x01\x00" + struct.pack("<H", len(text)) + text + body


def with_header(data: bytes, **changed: Any) -> bytes:
    """Return a file with other entries in its header."""
    header, start = parse_header(data)
    return build({**header, **changed}, data[start:])
