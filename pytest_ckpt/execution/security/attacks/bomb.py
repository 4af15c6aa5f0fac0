"""Small files that demand many resources: sizes far above the content, compressed zeros, and nesting deeper than any stack."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Literal

from ....filetypes import FileType, ParseError, compressed_zeros, json_header, json_text, msgpack, npy, pickle
from ....filetypes import zip as zip_archive
from ....util.sampling import evenly_spaced
from ...snapshot import Snapshot
from .base import Attack, Host, Site, hosts, put
from .binary_fields import Field, counts, fields, lengths

#: Sizes to claim: one within a worker's memory limit, one above it, and two above any machine's memory.
CLAIMS = {"192 MiB": 192 << 20, "1 GiB": 1 << 30, "1 TiB": 1 << 40, "4 EiB": 1 << 62}
#: MiB of zeros in an archive of about 1 MiB.
_ZEROS = 1024
_DEPTH = 100_000
_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
_TRIED = 4


def attacks(snapshot: Snapshot, other: Snapshot | None) -> Iterator[Attack]:
    for host in hosts(snapshot):
        if not host.member:
            yield from _in_place(host)
        if host.codec:
            yield Attack("1 GiB of zeros", host.file, host.member, functools.partial(_compressed_zeros, host.codec))
        if host.filetype in (None, FileType.JSON_HEADER):
            yield from _claimed_first(host)
        if host.filetype in _WITHIN:
            yield from _WITHIN[host.filetype](host, snapshot)
        if host.filetype in _BINARY:
            for field in fields(host, snapshot):
                yield from _claimed_field(host, field)


def _in_place(host: Host) -> Iterator[Attack]:
    for claim, size in (("192 MiB", CLAIMS["192 MiB"]), ("4 EiB", CLAIMS["4 EiB"])):
        yield put(f"an array of {claim} in its place, of which nothing is there", host, _array, size)
        yield put(f"a header in its place that claims to be {claim} long", host, json_header.build, {}, b"", size)
    yield put("nested lists as a pickle in its place", host, pickle.nested, _DEPTH)
    yield put("nested lists as JSON in its place", host, _nested_json)
    yield put("nested lists as msgpack in its place", host, msgpack.nested, _DEPTH)
    yield put("an archive of 1 GiB of zeros in its place", host, zip_archive.with_zeros, {}, "data.npy", _ZEROS)


def _compressed_zeros(codec: str, site: Site) -> bytes:
    return compressed_zeros(codec, _ZEROS)


def _claimed_first(host: Host) -> Iterator[Attack]:
    """Yield claims for a file that starts with its own length or the number of bytes that follow."""
    for width in (4, 8):
        for order in _ORDERS:
            if int.from_bytes(host.data[:width], order) in (len(host.data), len(host.data) - width):
                for claim, size in CLAIMS.items():
                    if size < 1 << 8 * width:
                        made = size.to_bytes(width, order) + host.data[width:]
                        yield put(f"{claim} for its length, in its first {width} bytes ({order} end first)", host, bytes, made)


def _array(size: int) -> bytes:
    return npy.build({"descr": "<f4", "fortran_order": False, "shape": (size // 4,)}, b"\0" * 32)


def _nested_json() -> bytes:
    return b"[" * _DEPTH + b"]" * _DEPTH


def _claimed_field(host: Host, field: Field) -> Iterator[Attack]:
    for claim, size in CLAIMS.items():
        value = size // 4 if field.meaning == "number of elements" else size
        if value < 1 << 8 * field.width:
            yield put(
                f"{claim} where the {field.meaning} stands at byte {field.at}",
                host,
                field.holding,
                host.data,
                value,
            )


def _within_npy(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    for claim, size in CLAIMS.items():
        yield put(f"a shape that claims {claim}", host, npy.with_header, host.data, shape=(size // 4,))
    yield put("a shape whose product is beyond 64 bits", host, npy.with_header, host.data, shape=(1 << 40, 1 << 40))
    yield put("a type whose elements have 2 GiB", host, npy.with_header, host.data, descr="|V2147483647")


def _within_zip(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    found = {entry.name: entry for entry in zip_archive.entries(host.data)}
    contents = zip_archive.members(host.data)
    for name in evenly_spaced(list(contents), _TRIED):
        yield put(f"1 GiB of zeros as the member {name!r}", host, zip_archive.with_zeros, contents, name, _ZEROS)
        for claim, size in (("1 GiB", 1 << 30), ("4 GiB", (1 << 32) - 2)):
            yield put(
                f"the member {name!r} claims {claim}",
                host,
                zip_archive.with_sizes,
                host.data,
                found[name],
                size,
                size,
            )


def _within_json(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    document = json_text.parse(host.data)
    yield from _numbers(host, document, snapshot, json_text.build)
    yield from _depths(host, document, json_text.build)


def _within_json_header(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    parts = json_header.parse(host.data)
    for claim, size in CLAIMS.items():
        yield put(f"a header that claims to be {claim} long", host, parts.with_header, parts.header, size)
    yield from _numbers(host, parts.header, snapshot, parts.with_header)
    yield put("a header of nested lists", host, _with_nested_header, parts)


def _with_nested_header(parts: json_header.HeaderFile) -> bytes:
    text = _nested_json()
    return parts.prefix + len(text).to_bytes(parts.width, "little") + text + parts.body


def _numbers(host: Host, document: Any, snapshot: Snapshot, write: Callable[[Any], bytes]) -> Iterator[Attack]:
    """Yield claims for numbers in JSON that are sizes of the saved tensors."""
    right = counts(snapshot) | lengths(snapshot)
    places = [path for path, value in json_text.nodes(document) if type(value) is int and value in right and value >= 8]
    for path in places[:_TRIED]:
        for claim, size in CLAIMS.items():
            yield put(
                f"{claim} for the number at {json_text.describe_path(path)}",
                host,
                write,
                json_text.replace(document, path, size // 4),
            )


def _depths(host: Host, document: Any, write: Callable[[Any], bytes]) -> Iterator[Attack]:
    """Yield deep nesting in place of the first value that is a list, an object or a string."""
    mark = "\0nested\0"
    for path, value in json_text.nodes(document):
        if path and isinstance(value, list | dict | str):
            text = write(json_text.replace(document, path, mark)).replace(b'"\\u0000nested\\u0000"', _nested_json())
            yield put(f"nested lists at {json_text.describe_path(path)}", host, bytes, text)
            return


def _within_pickle(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    yield put("nested lists as a pickle", host, pickle.nested, _DEPTH)
    for claim, size in (("1 GiB", 1 << 30), ("8 EiB", (1 << 63) - 1)):
        # BINBYTES8, and a frame: 64-bit lengths without content.
        head = b"\x80\x04"
        long = size.to_bytes(8, "little")
        yield put(f"bytes in a pickle that claim {claim}", host, bytes, head + b"\x8e" + long + b"x.")
        yield put(f"a frame of a pickle that claims {claim}", host, bytes, head + b"\x95" + long + b"N.")
    memo = (1 << 28).to_bytes(4, "little")
    yield put("a number of 2**28 for a memo", host, bytes, b"\x80\x02Nr" + memo + b".")


def _within_msgpack(host: Host, snapshot: Snapshot) -> Iterator[Attack]:
    yield put("nested lists as msgpack", host, msgpack.nested, _DEPTH)
    items = msgpack.parse(host.data)
    most = (1 << 32) - 1
    for kind in ("map", "array"):
        for item in [each for each in items if each.kind == kind][:1]:
            yield put(f"a {kind} that claims 2**32 items", host, msgpack.with_count, host.data, item, most)
    for item in [each for each in items if each.kind in ("bin", "ext", "str")][:_TRIED]:
        content = host.data[item.start : item.stop]
        yield put(
            f"4 GiB for the length of the {item.kind} at byte {item.position}",
            host,
            msgpack.with_content,
            host.data,
            item,
            content,
            most,
        )
        try:
            inner = msgpack.parse(content)
        except ParseError:
            continue
        # A nested document: the shape before the bytes of an array.
        for each in [each for each in inner if each.kind == "array"][1:2]:
            made = content[: each.position] + b"\x91\xcf" + (1 << 40).to_bytes(8, "big") + _after(content, inner, each)
            yield put(
                f"a shape of 2**40 in the {item.kind} at byte {item.position}",
                host,
                msgpack.with_content,
                host.data,
                item,
                made,
            )


def _after(content: bytes, items: list[msgpack.Item], shape: msgpack.Item) -> bytes:
    """Return the bytes that follow an array of numbers."""
    following = [each for each in items if each.position > shape.position and each.kind != "number"]
    return content[following[0].position :] if following else b""


#: The claims that a file of each type can contain.
_WITHIN: dict[FileType | None, Callable[[Host, Snapshot], Iterator[Attack]]] = {
    FileType.NPY: _within_npy,
    FileType.ZIP: _within_zip,
    FileType.JSON: _within_json,
    FileType.JSON_HEADER: _within_json_header,
    FileType.PICKLE: _within_pickle,
    FileType.MSGPACK: _within_msgpack,
}
#: File types in which sizes are binary words: unknown ones, and HDF5.
_BINARY = (None, FileType.HDF5)
