"""Headers whose regions contradict each other: one overlaps another, is beyond the end of the file, or ends before it begins.

Only where a number is known for what it is, because it is right: a header may hold any other number, and another one is no attack.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from ....filetypes import FileType, json_header, json_text, msgpack, npy, pickle
from ....filetypes import zip as zip_archive
from ...snapshot import Snapshot
from .base import Attack, Host, hosts, put
from .binary_fields import Field, blocks_in, counts, fields, lengths

_TRIED = 6


def attacks(snapshot: Snapshot, other: Snapshot | None) -> Iterator[Attack]:
    for host in hosts(snapshot):
        if host.filetype in _WITHIN:
            yield from _WITHIN[host.filetype](host, snapshot)
        if host.filetype in _BINARY:
            for field in fields(host, snapshot):
                yield from _wrong_field(host, field, snapshot)


def _wrong_field(host: Host, field: Field, snapshot: Snapshot) -> Iterator[Attack]:
    starts = [start for start, _ in blocks_in(host, snapshot)]
    wrong: dict[str, int] = {}
    if field.meaning == "place of a tensor":
        wrong = {
            "that of another one": next((start for start in starts if start != field.value), 0),
            "a place behind the end": len(host.data),
        }
    elif field.meaning in ("length of a tensor", "number of elements"):
        wrong = {"one more": field.value + 1, "twice as many": 2 * field.value, "a negative number": -field.value}
    for how, value in wrong.items():
        yield put(
            f"{how} where the {field.meaning} stands at byte {field.at}",
            host,
            field.holding,
            host.data,
            value,
        )


def _within_zip(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    found = zip_archive.entries(host.data)
    directory = min((entry.directory_entry for entry in found), default=0)
    for first, second in list(itertools.pairwise(found))[:_TRIED]:
        for entry, other in ((first, second), (second, first)):
            yield put(
                f"the place of {other.name!r} for that of {entry.name!r}",
                host,
                zip_archive.with_offset,
                host.data,
                entry,
                other.local_header,
            )
        yield put(
            f"{first.name!r} reaches over {second.name!r}",
            host,
            zip_archive.with_sizes,
            host.data,
            first,
            second.stop - first.start,
            second.stop - first.start,
        )
    for entry in found[:_TRIED]:
        for how, offset in (("behind the end", len(host.data) + 1), ("in the directory", directory), ("before the beginning", -1)):
            yield put(
                f"a place {how} for {entry.name!r}",
                host,
                zip_archive.with_offset,
                host.data,
                entry,
                offset,
            )


def _within_npy(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    shape = npy.parse_header(host.data)[0]["shape"]
    if not shape:
        return
    for how, first in (("one more", shape[0] + 1), ("twice as many", 2 * shape[0]), ("a negative number of", -shape[0] - 1)):
        yield put(f"a shape with {how} elements", host, npy.with_header, host.data, shape=(first, *shape[1:]))


def _within_json(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    yield from _wrong_numbers(host, json_text.parse(host.data), snapshot, json_text.build)


def _within_json_header(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    parts = json_header.parse(host.data)
    yield from _wrong_numbers(host, parts.header, snapshot, parts.with_header)
    yield from _wrong_pairs(host, parts, snapshot)
    yield from _wrong_places(host, parts, snapshot)


def _wrong_numbers(host: Host, document: Any, snapshot: Snapshot, write: Callable[[Any], bytes]) -> Iterator[Attack]:
    """Yield wrong values for numbers in JSON that are lengths or numbers of elements."""
    right = {value for value in counts(snapshot) | lengths(snapshot) if value >= 8}
    places = [(path, value) for path, value in json_text.nodes(document) if type(value) is int and value in right]
    for path, value in places[:_TRIED]:
        for how, new in (("one more", value + 1), ("twice as many", 2 * value), ("a negative number", -value)):
            yield put(
                f"{how} for the number at {json_text.describe_path(path)}",
                host,
                write,
                json_text.replace(document, path, new),
            )


def _wrong_places(host: Host, parts: json_header.HeaderFile, snapshot: Snapshot) -> Iterator[Attack]:
    """Yield the position of another tensor for each position, counted from the start of the file or of the data after the header."""
    body = len(host.data) - len(parts.body)
    for starts in ([start - body for start, _ in blocks_in(host, snapshot)], [start for start, _ in blocks_in(host, snapshot)]):
        places = [(path, value) for path, value in json_text.nodes(parts.header) if type(value) is int and value in starts and value >= 8]
        for path, value in places[:_TRIED]:
            other = next((start for start in starts if start != value), None)
            if other is not None:
                way = f"the place of another one for the number at {json_text.describe_path(path)}"
                yield put(way, host, parts.with_header, json_text.replace(parts.header, path, other))


def _wrong_pairs(host: Host, parts: json_header.HeaderFile, snapshot: Snapshot) -> Iterator[Attack]:
    """Yield wrong values for pairs of numbers that are the start and the end of a tensor."""
    sizes = lengths(snapshot)
    pairs = [
        (path, value)
        for path, value in json_text.nodes(parts.header)
        if isinstance(value, list) and len(value) == 2 and all(type(each) is int for each in value) and value[1] - value[0] in sizes
    ]
    for place, (path, (start, stop)) in enumerate(pairs[:_TRIED]):
        size = stop - start
        wrong = {
            "a region behind the end": [start + len(parts.body), stop + len(parts.body)],
            "a region that ends before it begins": [stop, start],
            "a region that ends behind the end": [start, stop + len(parts.body)],
            "a region before the beginning": [-size, 0],
            "a region over a half of its own": [start + size // 2, stop + size // 2],
        }
        if len(pairs) > 1:
            wrong["the region of another one"] = pairs[place - 1][1]
        for how, new in wrong.items():
            yield put(
                f"{how} for {json_text.describe_path(path)}",
                host,
                parts.with_header,
                json_text.replace(parts.header, path, new),
            )


def _within_pickle(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    """Yield wrong values for numbers in a pickle that are numbers of elements."""
    right = {value for value in counts(snapshot) | lengths(snapshot) if value >= 8}
    numbers = [
        (argument, place)
        for name, argument, place in pickle.opcodes(host.data)
        if name == "BININT1" and isinstance(argument, int) and argument in right
    ]
    for value, place in numbers[: 2 * _TRIED]:
        for how, new in (("one more", value + 1), ("twice as many", 2 * value)):
            yield put(
                f"{how} for the number {value} at byte {place}",
                host,
                bytes,
                host.data[: place + 1] + bytes([new & 255]) + host.data[place + 2 :],
            )


def _within_msgpack(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    """Yield items that claim to be longer than they are, so that they overlap what follows or the end."""
    for item in [each for each in msgpack.parse(host.data) if each.kind in ("bin", "ext")][:_TRIED]:
        content = host.data[item.start : item.stop]
        for how, more in (("one byte", 1), ("twice as long", len(content))):
            yield put(
                f"{how} too much for the {item.kind} at byte {item.position}",
                host,
                msgpack.with_content,
                host.data,
                item,
                content,
                len(content) + more,
            )


_WITHIN: dict[FileType | None, Callable[[Host, Snapshot], Iterator[Attack]]] = {
    FileType.ZIP: _within_zip,
    FileType.NPY: _within_npy,
    FileType.JSON: _within_json,
    FileType.JSON_HEADER: _within_json_header,
    FileType.PICKLE: _within_pickle,
    FileType.MSGPACK: _within_msgpack,
}
_BINARY = (None, FileType.HDF5)
