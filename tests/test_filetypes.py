"""Parsers of file types: regions and members of files, and the files that the parsers build."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import json
import lzma
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from pytest_ckpt.filetypes import (
    ParseError,
    RegionRole,
    compress,
    compressed_zeros,
    decompress,
    filetype_of,
    hdf5,
    json_header,
    json_text,
    members,
    msgpack,
    npy,
    rebuild,
    regions,
)
from pytest_ckpt.filetypes import pickle as pickles
from pytest_ckpt.filetypes import tar as tars
from pytest_ckpt.filetypes import zip as zips


def _npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(8, dtype="<f4"))
    return out.getvalue()


def _zip(streamed: bool = False, method: int = zipfile.ZIP_STORED) -> bytes:
    class Stream(io.BytesIO):
        """A file that cannot seek back, so that the sizes are written after the members."""

        def seekable(self) -> bool:
            return not streamed

        def seek(self, *place: int) -> int:
            if streamed:
                raise OSError("not seekable")
            return super().seek(*place)

    out = Stream()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("x.npy", _npy())
        archive.writestr("folder/data.pkl", pickle.dumps({"a": 1}, protocol=2))
    return out.getvalue()


def _tar() -> bytes:
    return tars.build([(tars.file_member("x.npy"), _npy()), (tars.file_member("note"), b"hello")])


#: By file type: a file, and texts that occur in the descriptions of its regions.
FILES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "zip": (_zip(), ("local header", "directory entry", "end of the directory", "opcode STOP, in the data of the member 'folder/data")),
    "zip, streamed": (_zip(True), ("data descriptor",)),
    "zip, compressed": (_zip(method=zipfile.ZIP_DEFLATED), ("compressed data of the member 'x.npy'",)),
    "tar": (_tar(), ("header of the member", "padding", "end of the archive", "elements, in the data of the member 'x.npy'")),
    "npy": (_npy(), ("magic", "version", "length of the header", "the header", "elements")),
    "json-header": (json_header.build({"x": {}}, bytes(8)), ("length of the header", "the header", "after the header")),
    "json-header, with prefix": (b"magic" + json_header.build({"x": 1}, b"body"), ("before the header", "the header")),
    "json": (b'{"a": [1, 2]}', ("JSON",)),
    "pickle": (pickle.dumps({"a": np.arange(3)}, protocol=2), ("opcode PROTO", "opcode STOP")),
    "msgpack": (b"\x81\xa1x\xc4\x04abcd", ("head of a map", "content of a str", "content of a bin")),
    "hdf5": (hdf5.MAGIC + bytes(88) + b"TREE" + bytes(20) + b"HEAP" + bytes(20), ("superblock", "B-tree", "heap")),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_regions_cover_the_file_without_gaps(name: str) -> None:
    data, texts = FILES[name]
    found = regions(data)
    assert filetype_of(data) == name.split(",")[0]
    assert found[0].start == 0
    assert found[-1].stop == len(data)
    assert all(one.stop == other.start for one, other in itertools.pairwise(found))
    for text in texts:
        assert any(text in region.description for region in found), f"{text!r} is not in {[each.description for each in found]}"


def test_regions_keep_their_role_inside_archives() -> None:
    data = zips.build([("inner.zip", FILES["zip, compressed"][0]), ("other", b"no type")])
    roles = {region.description: region.role for region in regions(data)}
    assert roles["the compressed data of the member 'x.npy', in the data of the member 'inner.zip'"] is RegionRole.COMPRESSED_MEMBER
    assert roles["the data of the member 'other'"] is RegionRole.STORED_MEMBER
    assert roles["the local header of the member 'other'"] is RegionRole.STRUCTURE


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x01\x02", b"plain text", b"PK\x03\x04", b"\x80\x02", b"{", b"3", bytes(600), b"\x93NUMPY\x01\x00"]
)
def test_file_of_unknown_type_is_one_region(data: bytes) -> None:
    assert filetype_of(data) is None
    assert [(each.start, each.stop) for each in regions(data)] == ([(0, len(data))] if data else [])
    assert members(data) == {}
    with pytest.raises(ValueError):
        rebuild(data, {})


@pytest.mark.parametrize("name", ["zip", "zip, streamed", "zip, compressed", "tar"])
def test_rebuilt_archive_is_intact(name: str) -> None:
    data = FILES[name][0]
    first, second = members(data)
    rebuilt = rebuild(data, {first: b"other", second: None})
    assert members(rebuilt) == {first: b"other"}
    if name != "tar":
        with zipfile.ZipFile(io.BytesIO(rebuilt)) as archive:
            assert archive.testzip() is None


def test_archive_of_zeros_is_small_and_intact() -> None:
    data = zips.with_zeros({"a": b"first"}, "zeros", 3)
    assert len(data) < 8 << 10
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("zeros") == bytes(3 << 20)
        assert archive.read("a") == b"first"
    assert len(zips.with_zeros({}, "zeros", 1024)) < 2 << 20


def test_hostile_names_and_links_are_written_unchanged() -> None:
    rebuilt = zips.rebuild(_zip(), {}, [("../out", b"x", 0), ("link", b"/target", zips.LINK_MODE)])
    with zipfile.ZipFile(io.BytesIO(rebuilt)) as archive:
        assert "../out" in archive.namelist()
        assert archive.getinfo("link").external_attr >> 28 == 0o12
    linked = tars.rebuild(_tar(), {}, [(tars.link_member("link", "/target"), b""), (tars.file_member("../out"), b"x")])
    with tarfile.open(fileobj=io.BytesIO(linked)) as archive:
        assert archive.getmember("link").linkname == "/target"
        assert "../out" in archive.getnames()


@pytest.mark.parametrize("way", pickles.CALLS)
def test_pickle_makes_the_call_and_loads_as_the_other(way: str) -> None:
    call = pickles.build_call(way, "binascii", "unhexlify", "ff00")
    assert pickle.loads(call) == b"\xff\x00"
    for protocol in (2, 4, 5):
        benign = pickle.dumps({"a": [1, 2]}, protocol=protocol)
        assert pickle.loads(pickles.prepend_call(call, benign)) == {"a": [1, 2]}


def test_nested_files_have_the_requested_depth() -> None:
    value, depth = pickle.loads(pickles.nested(1000)), 0
    while value:
        (value,), depth = value, depth + 1
    assert depth == 999
    assert len(msgpack.parse(msgpack.nested(1000))) == 1001


def test_headers_can_hold_wrong_sizes() -> None:
    assert npy.parse_header(npy.with_header(_npy(), shape=(1 << 40,)))[0]["shape"] == (1 << 40,)
    parts = json_header.parse(b"before" + json_header.build({"a": 1}, b"body"))
    assert (parts.prefix, parts.header, parts.body) == (b"before", {"a": 1}, b"body")
    assert json_header.parse(parts.with_header({"b": 2})).header == {"b": 2}
    assert int.from_bytes(parts.with_header({"b": 2}, 1 << 62)[6:14], "little") == 1 << 62
    with pytest.raises(ParseError):
        json_header.parse(parts.with_header({"b": 2}, 1 << 62))


def test_msgpack_content_and_length_can_be_replaced() -> None:
    data = FILES["msgpack"][0]
    (item,) = [each for each in msgpack.parse(data) if each.kind == "bin"]
    rebuilt = msgpack.with_content(data, item, b"longer than before")
    assert b"longer than before" in rebuilt
    assert [each.kind for each in msgpack.parse(rebuilt)] == ["map", "str", "bin"]
    with pytest.raises(ParseError):
        msgpack.parse(msgpack.with_content(data, item, b"abcd", 5))


def test_json_values_are_found_and_replaced_by_path() -> None:
    document = json_text.parse(b'{"a": [1, {"b": "c"}]}')
    assert dict(json_text.nodes(document))["a", 1, "b"] == "c"
    assert json.loads(json_text.build(json_text.replace(document, ("a", 1, "b"), [2]))) == {"a": [1, {"b": [2]}]}
    assert json_text.value_at(document, ("a", 0)) == 1


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_compressed_file_is_decompressed_and_rebuilt(pack: Callable[[bytes], bytes]) -> None:
    codec, content = decompress(pack(b"data" * 100))
    assert content == b"data" * 100
    assert decompress(compress(codec, b"others")) == (codec, b"others")
    assert decompress(compressed_zeros(codec, 2)) == (codec, bytes(2 << 20))


@pytest.mark.parametrize("data", [b"", b"x plain text", b"\x1f\x8b and no more"])
def test_file_that_is_not_compressed_is_an_error(data: bytes) -> None:
    with pytest.raises(ParseError):
        decompress(data)


def test_find_pickles_among_other_bytes() -> None:
    first, second = pickle.dumps({"version": 1}), pickle.dumps([1, 2, 3], protocol=2)
    data = b"before" + first + b"\x80\x02 between" + second
    assert [data[start:stop] for start, stop in pickles.find_pickles(data)] == [first, second]
