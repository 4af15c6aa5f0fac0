"""Files with a header of JSON behind its own length, which says where what follows lies; something may stand before it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from .base import ParseError, Region

#: How far into a file a header is looked for, and how many bytes its length may have; the lowest comes first.
_FAR, _WIDTHS = 1 << 12, (8, 4)


@dataclasses.dataclass(frozen=True)
class Headed:
    """The bytes ``before`` the length, how many bytes the length has, what the header ``says``, and the ``body`` behind it."""

    before: bytes
    width: int
    says: Any
    body: bytes

    @property
    def at(self) -> int:
        """Where the header's text begins."""
        return len(self.before) + self.width

    def joined(self, says: Any, length: int | None = None) -> bytes:
        """The file with another header; ``length`` is what it claims to be long."""
        text = json.dumps(says, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        claimed = len(text) if length is None else length
        return self.before + claimed.to_bytes(self.width, "little") + text + self.body


def split(data: bytes) -> Headed:
    """The parts of a file. Raises NotOne."""
    for match in re.finditer(rb'\{"|\[[{"]', data[:_FAR]):
        for width in _WIDTHS:
            start = match.start()
            length = int.from_bytes(data[max(0, start - width) : start], "little") if start >= width else 0
            if not 2 <= length <= len(data) - start:
                continue
            try:
                says = json.loads(data[start : start + length])
            except ValueError:
                continue
            return Headed(data[: start - width], width, says, data[start + length :])
    raise ParseError


def regions(data: bytes) -> Iterator[Region]:
    """Every structure of the file. Raises NotOne."""
    parts = split(data)
    start = len(data) - len(parts.body)
    yield Region(0, len(parts.before), "what stands before the header")
    yield Region(len(parts.before), parts.at, "the length of the header")
    yield Region(parts.at, start, "the header")
    yield Region(start, len(data), "the data behind the header")


def written(says: Any, body: bytes, length: int | None = None) -> bytes:
    """A new file, its length in eight bytes at the beginning."""
    return Headed(b"", 8, None, body).joined(says, length)
