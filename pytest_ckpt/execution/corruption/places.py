"""Choose where a checkpoint is damaged: by check, from the files of an intact one, about as many places as the check wants.

The choice is deterministic, smallest first, and spread over all files and structures. Nothing is written here.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ...filetypes import members, regions
from ...specs import Appended, Damage, Exchanged, Flipped, Missing, Spliced, Swapped, Truncated, Zeroed
from ...util.sampling import evenly_spaced
from ..snapshot import Snapshot, Span, matching_files

#: A disk writes and loses whole sectors, of this many bytes.
SECTOR = 512
NO_PAYLOAD = "no file contains the bytes of the saved values as they are in memory: they are compressed or encoded"


@dataclasses.dataclass(frozen=True)
class Case:
    """How the places of one check are found, and the reason for a skip without any."""

    find: Callable[[Snapshot, Snapshot | None, int], Iterable[Damage]]
    reason_if_none: str


def distribute(lengths: Sequence[int], count: int) -> list[int]:
    """Return how many of ``count`` places each of several ranges gets: one each, the longest first, and more by length."""
    found = [0] * len(lengths)
    by_length = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    for index in by_length[:count]:
        found[index] = 1
    left = count - sum(found)
    total = sum(lengths)
    for index, length in enumerate(lengths):
        if found[index]:
            found[index] = min(length, found[index] + left * length // max(1, total))
    return found


def flips(spans: Sequence[Span], count: int, order: Sequence[int] = range(8)) -> Iterator[Flipped]:
    """Yield flips of single bits all over the spans.

    Each byte gets as many flips as the count allows, in the given ``order`` of bits. If the count allows less than one per byte,
    many bytes get one flip each, of different bits.
    """
    total = sum(span.length for span in spans)
    if not total:
        return
    bits = min(8, count // total)
    turn = itertools.count()
    for span, share in zip(spans, distribute([span.length for span in spans], min(count, total)), strict=True):
        for byte in evenly_spaced(range(span.start, span.stop), share):
            for bit in order[:bits] if bits else [order[next(turn) * 3 % 8]]:
                yield Flipped(span.file, byte, bit)


#: Headers get more flips than the check wants, because most of their meaning is in few bits. All bits are flipped if that is at most
#: _ALL times the count, and otherwise _MORE times the count.
_ALL, _MORE = 40, 4
#: The bits of a header, first those whose flip gives another valid header: "<" is one bit from ">", and digits, letters and small numbers
#: differ in the lowest bits.
_HEADER_BITS = (1, 0, 3, 2, 5, 4, 6, 7)


def _flip_header(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    spans = [part for span in snapshot.structures for part in _without_padding(span, snapshot.files[span.file])]
    every = 8 * sum(span.length for span in spans)
    return flips(spans, every if every <= _ALL * count else _MORE * count, _HEADER_BITS)


def _without_padding(span: Span, data: bytes) -> Iterator[Span]:
    """Yield the span without runs of equal bytes, except the first byte of each run."""
    start = span.start
    for run in re.finditer(rb"(.)\1{3,}", data[span.start : span.stop], re.DOTALL):
        yield Span(span.file, start, span.start + run.start() + 1)
        start = span.start + run.end()
    if start < span.stop:
        yield Span(span.file, start, span.stop)


def _flip_payload(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    return flips(snapshot.payload, count)


def boundaries(snapshot: Snapshot, file: str) -> list[int]:
    """Return where one structure or saved tensor of a file ends and another begins, without the start and end of the file."""
    size = len(snapshot.files[file])
    found = {region.start for region in regions(snapshot.files[file])}
    found |= {place for span in snapshot.payload if span.file == file for place in (span.start, span.stop)}
    return sorted(place for place in found if 0 < place < size)


def _truncate(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Yield truncations at the boundaries and one byte next to them, at sectors, inside every structure, and just before the end."""
    files = [file for file, data in snapshot.files.items() if data]
    for file in files:
        size, cuts = len(snapshot.files[file]), boundaries(snapshot, file)
        edges = [0, *cuts, size]
        middles = [(start + stop) // 2 for start, stop in itertools.pairwise(edges)]
        adjacent = [place + step for place in cuts for step in (-1, 1)]
        near_the_end = [1, *(size - left for left in (1, 2, 4, 8, 16))]
        wanted = max(4, count // len(files))
        found: set[int] = set()
        for places in (near_the_end, cuts, middles, range(SECTOR, size, SECTOR), adjacent):
            fresh = sorted({place for place in places if 0 < place < size} - found)
            found.update(evenly_spaced(fresh, max(0, wanted - len(found))))
        # Fill up with places at even distances.
        rest = sorted(set(range(1, size)) - found) if len(found) < wanted else []
        found.update(evenly_spaced(rest, wanted - len(found)))
        yield from (Truncated(file, place) for place in sorted(found))


def _empty(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    return (Truncated(file, 0) for file, data in snapshot.files.items() if data)


def _blocks(data: bytes) -> tuple[int, list[int]]:
    """Return the size of a block, and the starts of all blocks. Blocks are sectors, or smaller in a small file."""
    size = SECTOR
    while size > 8 and len(data) < 4 * size:
        size //= 2
    return size, list(range(0, len(data), size))


def _zero(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Yield zeroed blocks, everything from a block on, and each tensor."""
    found: dict[Zeroed, None] = {}
    files = {file: data for file, data in snapshot.files.items() if data}
    for file, data in files.items():
        size, starts = _blocks(data)
        for start in evenly_spaced(starts, max(2, count // 2 // len(files))):
            found[Zeroed(file, start, min(start + size, len(data)))] = None
        for start in evenly_spaced(starts, max(2, count // 4 // len(files))):
            found[Zeroed(file, start, len(data))] = None
    for span in snapshot.payload:
        found[Zeroed(span.file, span.start, span.stop)] = None
    return (each for each in found if any(files[each.file][each.start : each.stop]))


def _swap(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Yield swaps of adjacent blocks, of blocks at a distance of half a file, and of two tensors of one length."""
    found: dict[Swapped, None] = {}
    files = {file: data for file, data in snapshot.files.items() if data}
    for file, data in files.items():
        size, starts = _blocks(data)
        full = [start for start in starts if start + size <= len(data)]
        wanted = max(2, count // 2 // len(files))
        for start in evenly_spaced(full[:-1], wanted):
            found[Swapped(file, start, start + size, size)] = None
        half = len(full) // 2
        for start in evenly_spaced(full[: len(full) - half], wanted) if half > 1 else ():
            found[Swapped(file, start, full[half] + start - full[0], size)] = None
    for first, second in itertools.pairwise(snapshot.values):
        if first.file == second.file and first.length == second.length:
            found[Swapped(first.file, first.start, second.start, first.length)] = None
    return (each for each in found if _differ(files[each.file], each))


def _differ(data: bytes, swap: Swapped) -> bool:
    return data[swap.first : swap.first + swap.size] != data[swap.second : swap.second + swap.size]


def _append(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    for file, data in snapshot.files.items():
        for content, sizes in (("zeros", (1, 4, 8, 32, SECTOR)), ("noise", (1, 4, 8, 32, SECTOR)), ("again", (len(data),))):
            yield from (Appended(file, content, size) for size in sizes if size)


def _missing(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Yield the removal of each file, each folder with its contents, and each member of an archive."""
    for file in snapshot.files:
        yield Missing(file)
    for folder in snapshot.folders:
        yield Missing(folder)
    for file, data in snapshot.files.items():
        yield from (Missing(file, member) for member in evenly_spaced(list(members(data)), count))


def _mixed(snapshot: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Yield exchanges with another checkpoint: each file of several, each member of an archive, and the end of each file."""
    assert other is not None
    pairs = matching_files(snapshot, other)
    differing = [file for file in pairs if snapshot.files[file] != other.files[pairs[file]]]
    if len(snapshot.files) > 1:
        yield from (Exchanged(file) for file in differing)
    for file in differing:
        other_members = members(other.files[pairs[file]])
        own_members = members(snapshot.files[file])
        names = [name for name in own_members if name in other_members and other_members[name] != own_members[name]]
        yield from (Exchanged(file, name) for name in evenly_spaced(names, count))
    for file in differing:
        if len(snapshot.files[file]) == len(other.files[pairs[file]]):
            middles = [(span.start + span.stop) // 2 for span in snapshot.payload if span.file == file]
            places = sorted({*boundaries(snapshot, file), *middles})
            yield from (Spliced(file, place) for place in evenly_spaced(places, max(2, count // len(differing))))


#: By the name of the check.
CASES: dict[str, Case] = {
    "corruption/truncate": Case(_truncate, "every file is empty"),
    "corruption/bit-flip-header": Case(_flip_header, "the files contain nothing but the saved values"),
    "corruption/bit-flip-payload": Case(_flip_payload, NO_PAYLOAD),
    "corruption/zero-block": Case(_zero, "every file is empty or contains only zeros"),
    "corruption/swapped-blocks": Case(_swap, "no file has two blocks that differ"),
    "corruption/appended": Case(_append, "there is no file"),
    "corruption/empty": Case(_empty, "every file is empty"),
    "corruption/missing-part": Case(_missing, "there is no file"),
    "corruption/mixed-parts": Case(_mixed, "two checkpoints with different values have the same files"),
}
