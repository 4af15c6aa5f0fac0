"""Where a checkpoint is damaged: by case, from the files of an intact one, about as many places as are asked for.

Deterministic, smallest first, spread over all files and structures. Nothing is written here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ...filetypes import members, regions
from ...specs import Appended, Damage, Exchanged, Flipped, Missing, Spliced, Swapped, Truncated, Zeroed
from ...util.sampling import evenly_spaced
from ..snapshot import Snapshot, Span

#: What a disk writes and loses at once.
SECTOR = 512
NO_PAYLOAD = "the bytes of the saved values stand in none of the files as they are: they are compressed, or written in a way of their own"


def shares(lengths: Sequence[int], count: int) -> list[int]:
    """How many of ``count`` places each of several stretches gets: one each as long as they last, the longest first where they do
    not, and more by length."""
    found = [0] * len(lengths)
    by_length = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    for place in by_length[:count]:
        found[place] = 1
    left = count - sum(found)
    total = sum(lengths)
    for place, length in enumerate(lengths):
        if found[place]:
            found[place] = min(length, found[place] + left * length // max(1, total))
    return found


def flips(spans: Sequence[Span], count: int, order: Sequence[int] = range(8)) -> Iterator[Flipped]:
    """Single bits all over the spans: as many of each byte as the count allows, those first that come first in ``order``; where it
    allows less than one, one of many bytes, by turns."""
    total = sum(span.length for span in spans)
    if not total:
        return
    bits = min(8, count // total)
    turn = itertools.count()
    for span, share in zip(spans, shares([span.length for span in spans], min(count, total)), strict=True):
        for byte in evenly_spaced(range(span.start, span.stop), share):
            for bit in order[:bits] if bits else [order[next(turn) * 3 % 8]]:
                yield Flipped(span.file, byte, bit)


#: How many times as many bits of a header are flipped as is asked for: if that many are all that there are, and otherwise.
_ALL, _MORE = 40, 4
#: The bits of a header in the order in which another one makes something else that is valid: ``<`` is one bit from ``>``, and digits,
#: letters and small numbers differ in the lowest ones.
_TELLING = (1, 0, 3, 2, 5, 4, 6, 7)


def _flip_header(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """More of them than of others, since most of what a header says is said in few of its bits: all, where there are few. Padding is
    left out."""
    spans = [part for span in whole.structures for part in _without_padding(span, whole.files[span.file])]
    every = 8 * sum(span.length for span in spans)
    return flips(spans, every if every <= _ALL * count else _MORE * count, _TELLING)


def _without_padding(span: Span, data: bytes) -> Iterator[Span]:
    """The span without runs of one and the same byte, but for the first of each."""
    start = span.start
    for run in re.finditer(rb"(.)\1{3,}", data[span.start : span.stop], re.DOTALL):
        yield Span(span.file, start, span.start + run.start() + 1)
        start = span.start + run.end()
    if start < span.stop:
        yield Span(span.file, start, span.stop)


def _flip_payload(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    return flips(whole.payload, count)


def boundaries(whole: Snapshot, file: str) -> list[int]:
    """Where one structure of a file, or one saved tensor, ends and another begins; neither the beginning nor the end of the file."""
    size = len(whole.files[file])
    found = {region.start for region in regions(whole.files[file])}
    found |= {place for span in whole.payload if span.file == file for place in (span.start, span.stop)}
    return sorted(place for place in found if 0 < place < size)


def _truncate(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """At the boundaries and one byte beside them, at sectors, in the middle of every structure, and just before the end."""
    files = [file for file, data in whole.files.items() if data]
    for file in files:
        size, cuts = len(whole.files[file]), boundaries(whole, file)
        edges = [0, *cuts, size]
        middles = [(start + stop) // 2 for start, stop in itertools.pairwise(edges)]
        beside = [place + step for place in cuts for step in (-1, 1)]
        near_the_end = [1, *(size - left for left in (1, 2, 4, 8, 16))]
        wanted = max(4, count // len(files))
        found: set[int] = set()
        for places in (near_the_end, cuts, middles, range(SECTOR, size, SECTOR), beside):
            fresh = sorted({place for place in places if 0 < place < size} - found)
            found.update(evenly_spaced(fresh, max(0, wanted - len(found))))
        # With all of them used up, the rest is cut at even distances.
        rest = sorted(set(range(1, size)) - found) if len(found) < wanted else []
        found.update(evenly_spaced(rest, wanted - len(found)))
        yield from (Truncated(file, place) for place in sorted(found))


def _empty(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    return (Truncated(file, 0) for file, data in whole.files.items() if data)


def _blocks(data: bytes) -> tuple[int, list[int]]:
    """How long a block is, and where those of a file begin: sectors, or smaller ones where the file is small."""
    size = SECTOR
    while size > 8 and len(data) < 4 * size:
        size //= 2
    return size, list(range(0, len(data), size))


def _zero(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Single blocks, everything from a block on, and each tensor."""
    found: dict[Zeroed, None] = {}
    files = {file: data for file, data in whole.files.items() if data}
    for file, data in files.items():
        size, starts = _blocks(data)
        for start in evenly_spaced(starts, max(2, count // 2 // len(files))):
            found[Zeroed(file, start, min(start + size, len(data)))] = None
        for start in evenly_spaced(starts, max(2, count // 4 // len(files))):
            found[Zeroed(file, start, len(data))] = None
    for span in whole.payload:
        found[Zeroed(span.file, span.start, span.stop)] = None
    return (each for each in found if any(files[each.file][each.start : each.stop]))


def _swap(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Neighbouring blocks, and blocks with those half a file away; of values, two tensors of one length."""
    found: dict[Swapped, None] = {}
    files = {file: data for file, data in whole.files.items() if data}
    for file, data in files.items():
        size, starts = _blocks(data)
        full = [start for start in starts if start + size <= len(data)]
        wanted = max(2, count // 2 // len(files))
        for start in evenly_spaced(full[:-1], wanted):
            found[Swapped(file, start, start + size, size)] = None
        half = len(full) // 2
        for start in evenly_spaced(full[: len(full) - half], wanted) if half > 1 else ():
            found[Swapped(file, start, full[half] + start - full[0], size)] = None
    for first, second in itertools.pairwise(whole.values):
        if first.file == second.file and first.length == second.length:
            found[Swapped(first.file, first.start, second.start, first.length)] = None
    return (each for each in found if _differ(files[each.file], each))


def _differ(data: bytes, swap: Swapped) -> bool:
    return data[swap.first : swap.first + swap.size] != data[swap.second : swap.second + swap.size]


def _append(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    for file, data in whole.files.items():
        for content, sizes in (("zeros", (1, 4, 8, 32, SECTOR)), ("noise", (1, 4, 8, 32, SECTOR)), ("again", (len(data),))):
            yield from (Appended(file, content, size) for size in sizes if size)


def _missing(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Each file, each folder with what is in it, and each member of an archive."""
    for file in whole.files:
        yield Missing(file)
    for folder in whole.folders:
        yield Missing(folder)
    for file, data in whole.files.items():
        yield from (Missing(file, member) for member in some(list(members(data)), count))


def _mixed(whole: Snapshot, other: Snapshot | None, count: int) -> Iterable[Damage]:
    """Each file but one alone, each member of an archive, and, of a single file, the beginning of one and the end of the other."""
    assert other is not None
    pairs = paired(whole, other)
    differing = [file for file in pairs if whole.files[file] != other.files[pairs[file]]]
    if len(whole.files) > 1:
        yield from (Exchanged(file) for file in differing)
    for file in differing:
        theirs = members(other.files[pairs[file]])
        mine = members(whole.files[file])
        names = [name for name in mine if name in theirs and theirs[name] != mine[name]]
        yield from (Exchanged(file, name) for name in some(names, count))
    for file in differing:
        if len(whole.files[file]) == len(other.files[pairs[file]]):
            middles = [(span.start + span.stop) // 2 for span in whole.payload if span.file == file]
            places = sorted({*boundaries(whole, file), *middles})
            yield from (Spliced(file, place) for place in evenly_spaced(places, max(2, count // len(differing))))


def paired(whole: Snapshot, other: Snapshot) -> dict[str, str]:
    """Which file of the other checkpoint stands for which of this one: that of the same name, or, since some names are drawn anew
    each time, the one beside it that is of the same length."""
    found = {file: file for file in whole.files if file in other.files}
    free = [file for file in other.files if file not in whole.files]
    for file in whole.files:
        if file in found:
            continue
        folder = file.rpartition("/")[0]
        size = len(whole.files[file])
        like = [each for each in free if each.rpartition("/")[0] == folder and len(other.files[each]) == size]
        if like:
            found[file] = like[0]
            free.remove(like[0])
    return found


def some(names: list[str], count: int) -> list[str]:
    return [names[place] for place in evenly_spaced(range(len(names)), count)]


#: By the name of the check: the damages. A case of which there are none says why, in words.
CASES: dict[str, tuple[Callable[[Snapshot, Snapshot | None, int], Iterable[Damage]], str]] = {
    "corruption/truncate": (_truncate, "every file is empty"),
    "corruption/bit-flip-header": (_flip_header, "there is nothing in the files but the saved values"),
    "corruption/bit-flip-payload": (_flip_payload, NO_PAYLOAD),
    "corruption/zero-block": (_zero, "every file is empty, or zero"),
    "corruption/swapped-blocks": (_swap, "no file has two blocks that differ"),
    "corruption/appended": (_append, "there is no file"),
    "corruption/empty": (_empty, "every file is empty"),
    "corruption/missing-part": (_missing, "there is no file"),
    "corruption/mixed-parts": (_mixed, "the files of two checkpoints with other values do not differ"),
}  # fmt: skip
