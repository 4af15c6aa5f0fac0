"""Find the fields of a binary file that hold a length, a number of elements or a position. They are found by their correct values.

In binary files these are little-endian words of 8 or 4 bytes that hold just such a number, in whatever is not the saved values.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from ...snapshot import Snapshot
from .base import Host

#: Smaller numbers occur by chance.
_LEAST = 8
#: How many fields with one meaning are used in one file.
_TRIED = 6


@dataclasses.dataclass(frozen=True)
class Field:
    """A word of ``width`` bytes at the byte ``at``, with its current ``value`` and what that means."""

    at: int
    width: int
    value: int
    meaning: str

    def holding(self, data: bytes, value: int) -> bytes:
        """Return the bytes with another value in this field, truncated to its width."""
        word = (value & (1 << 8 * self.width) - 1).to_bytes(self.width, "little")
        return data[: self.at] + word + data[self.at + self.width :]


def blocks_in(host: Host, snapshot: Snapshot) -> list[tuple[int, int]]:
    """Return the start and the end of each saved tensor in a host."""
    found: set[tuple[int, int]] = set()
    for block in snapshot.blocks:
        for order in block.orders:
            if (at := host.data.find(order)) >= 0:
                found.add((at, at + block.size))
    return sorted(found)


def counts(snapshot: Snapshot) -> set[int]:
    """Return the numbers of elements of the saved tensors, in total and along each dimension."""
    return {count for block in snapshot.blocks for count in (*block.shape, math.prod(block.shape))}


def lengths(snapshot: Snapshot) -> set[int]:
    """Return the sizes of the saved tensors in bytes."""
    return {block.size for block in snapshot.blocks}


def fields(host: Host, snapshot: Snapshot) -> Iterator[Field]:
    """Yield fields of a binary file, a few for each meaning, and none inside the saved values."""
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
