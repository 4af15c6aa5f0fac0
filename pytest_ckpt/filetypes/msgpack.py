"""msgpack files: their items, and files with other lengths and contents of an item."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator

from .base import ParseError, Region

#: By first byte: the kind of the item, and the number of bytes of the length that follows.
_SIZED = {
    0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4), 0xC7: ("ext", 1), 0xC8: ("ext", 2), 0xC9: ("ext", 4),
    0xD9: ("str", 1), 0xDA: ("str", 2), 0xDB: ("str", 4), 0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
#: By first byte: the number of bytes of a number.
_NUMBERS = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED_EXT = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


@dataclasses.dataclass(frozen=True)
class Item:
    """One item: its kind, the position of its first byte, the start and stop of its content, and the type code of an ext."""

    kind: str
    position: int
    start: int
    stop: int
    code: int = 0


def parse(data: bytes) -> list[Item]:
    """Return every item of a file. Raise `ParseError` if the file is not exactly one map or array."""
    if not data or not (0x80 <= data[0] <= 0x9F or 0xDC <= data[0] <= 0xDF):
        raise ParseError
    found: list[Item] = []
    position, remaining = 0, 1
    try:
        while remaining:
            item, children = _item(data, position)
            if item.stop > len(data):
                raise ParseError
            found.append(item)
            position, remaining = item.stop, remaining - 1 + children
    except (IndexError, struct.error):
        raise ParseError from None
    if position != len(data):
        raise ParseError
    return found


def _item(data: bytes, at: int) -> tuple[Item, int]:
    first = data[at]
    if first < 0x80 or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
        return Item("number", at, at, at + 1), 0
    if first < 0xA0:
        count = first & 15
        return Item("map" if first < 0x90 else "array", at, at + 1, at + 1), count * (2 if first < 0x90 else 1)
    if first < 0xC0:
        return Item("str", at, at + 1, at + 1 + (first & 31)), 0
    if first in _NUMBERS:
        return Item("number", at, at + 1, at + 1 + _NUMBERS[first]), 0
    if first in _FIXED_EXT:
        return Item("ext", at, at + 2, at + 2 + _FIXED_EXT[first], data[at + 1]), 0
    if first not in _SIZED:
        raise ParseError
    kind, width = _SIZED[first]
    length = int.from_bytes(data[at + 1 : at + 1 + width], "big")
    start = at + 1 + width
    if kind in ("map", "array"):
        return Item(kind, at, start, start), length * (2 if kind == "map" else 1)
    code = data[start] if kind == "ext" else 0
    start += kind == "ext"
    return Item(kind, at, start, start + length, code), 0


def regions(data: bytes) -> Iterator[Region]:
    """Yield the head and the content of every item."""
    for item in parse(data):
        yield Region(item.position, item.start, f"the head of a {item.kind}")
        if item.stop > item.start:
            yield Region(item.start, item.stop, f"the content of a {item.kind}")


def with_content(data: bytes, item: Item, content: bytes, length: int | None = None) -> bytes:
    """Return the file with another content of a bin, str or ext. ``length`` replaces the true length of the content."""
    head = {"bin": b"\xc6", "str": b"\xdb", "ext": b"\xc9"}[item.kind] + struct.pack(">I", len(content) if length is None else length)
    head += bytes([item.code]) if item.kind == "ext" else b""
    return data[: item.position] + head + content + data[item.stop :]


def with_count(data: bytes, item: Item, count: int) -> bytes:
    """Return the file with another number of items in the head of a map or an array."""
    return data[: item.position] + (b"\xdf" if item.kind == "map" else b"\xdd") + struct.pack(">I", count) + data[item.start :]


def nested(depth: int) -> bytes:
    """Return a file of arrays that are nested ``depth`` times."""
    return b"\x91" * depth + b"\xc0"
