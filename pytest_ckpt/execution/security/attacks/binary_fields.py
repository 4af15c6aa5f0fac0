"""Numbers in a file that say how long something is, how many elements it has, or where it lies: found because they are right.

In binary files these are little-endian words of 8 or 4 bytes that hold just such a number, in whatever is not the saved values.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from ...snapshot import Snapshot
from .base import Host

#: Numbers below this are found everywhere.
_LEAST = 8
#: How many fields of one kind are tried in one file.
_TRIED = 6


@dataclasses.dataclass(frozen=True)
class Field:
    """A word of ``width`` bytes ``at`` some byte, and ``value``, which it holds because it is the ``meaning``."""

    at: int
    width: int
    value: int
    meaning: str

    def holding(self, data: bytes, value: int) -> bytes:
        """The bytes with another value there, as much of it as the word holds."""
        word = (value & (1 << 8 * self.width) - 1).to_bytes(self.width, "little")
        return data[: self.at] + word + data[self.at + self.width :]


def blocks_in(host: Host, snapshot: Snapshot) -> list[tuple[int, int]]:
    """Where the saved tensors lie in a host: first byte, and the byte after the last."""
    found: set[tuple[int, int]] = set()
    for block in snapshot.blocks:
        for order in block.orders:
            if (at := host.data.find(order)) >= 0:
                found.add((at, at + block.size))
    return sorted(found)


def counts(snapshot: Snapshot) -> set[int]:
    """How many elements the saved tensors have, in all and along a dimension."""
    return {count for block in snapshot.blocks for count in (*block.shape, math.prod(block.shape))}


def lengths(snapshot: Snapshot) -> set[int]:
    """How many bytes they have."""
    return {block.size for block in snapshot.blocks}


def fields(host: Host, snapshot: Snapshot) -> Iterator[Field]:
    """The fields of a binary file: by meaning at most a few, and none that lies in the values."""
    blocks = blocks_in(host, snapshot)
    meanings = {
        "length of a tensor": sorted(lengths(snapshot)),
        "place of a tensor": [start for start, _ in blocks if start >= _LEAST],
        "number of elements": sorted(counts(snapshot)),
        "length of the file": [len(host.data)],
    }
    taken: set[int] = set()
    for meaning, values in meanings.items():
        found = 0
        for width in (8, 4):
            for value in values:
                for at in _places(host.data, value.to_bytes(width, "little")):
                    inside = any(start < at + width and at < stop for start, stop in blocks)
                    if value < _LEAST or inside or found >= _TRIED or taken & set(range(at, at + width)):
                        continue
                    taken |= set(range(at, at + width))
                    found += 1
                    yield Field(at, width, value, meaning)


def _places(data: bytes, word: bytes) -> Iterator[int]:
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)
