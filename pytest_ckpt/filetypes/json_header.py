"""Files that begin with the length of a JSON header, the header, and then data. Other bytes may precede the length."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from .base import ParseError, Region

#: A header begins within the first so many bytes of a file.
_SEARCHED = 1 << 12
#: How many bytes the length may have, in the order in which they are tried. The length is little-endian.
_WIDTHS = (8, 4)


@dataclasses.dataclass(frozen=True)
class HeaderFile:
    """The parts of a file: the ``prefix`` before the length, the ``width`` of the length in bytes, the ``header``, and the ``body``."""

    prefix: bytes
    width: int
    header: Any
    body: bytes

    @property
    def header_start(self) -> int:
        """The position of the header's text in the file."""
        return len(self.prefix) + self.width

    def with_header(self, header: Any, length: int | None = None) -> bytes:
        """Return the file with another header. ``length`` replaces the true length of the header."""
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        claimed = len(text) if length is None else length
        return self.prefix + claimed.to_bytes(self.width, "little") + text + self.body


def parse(data: bytes) -> HeaderFile:
    """Return the parts of a file. Raise `ParseError` if it has no such header."""
    for match in re.finditer(rb'\{"|\[[{"]', data[:_SEARCHED]):
        for width in _WIDTHS:
            start = match.start()
            length = int.from_bytes(data[max(0, start - width) : start], "little") if start >= width else 0
            if not 2 <= length <= len(data) - start:
                continue
            try:
                header = json.loads(data[start : start + length])
            except ValueError:
                continue
            return HeaderFile(data[: start - width], width, header, data[start + length :])
    raise ParseError


def regions(data: bytes) -> Iterator[Region]:
    """Yield the parts of a file."""
    parts = parse(data)
    start = len(data) - len(parts.body)
    yield Region(0, len(parts.prefix), "the bytes before the header")
    yield Region(len(parts.prefix), parts.header_start, "the length of the header")
    yield Region(parts.header_start, start, "the header")
    yield Region(start, len(data), "the data after the header")


def build(header: Any, body: bytes, length: int | None = None) -> bytes:
    """Return a new file that begins with the length, in eight bytes. ``length`` replaces the true length of the header."""
    return HeaderFile(b"", 8, None, body).with_header(header, length)
