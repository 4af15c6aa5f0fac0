"""What is recognised in bytes, and what is made of them: every structure has its place, and what is rebuilt is whole."""

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

from pytest_ckpt.filetypes import ParseError, hdf5, kind_of, members, npy, packed, packed_zeros, rebuilt, regions, unpacked
from pytest_ckpt.filetypes import json_header as headed
from pytest_ckpt.filetypes import json_text as texts
from pytest_ckpt.filetypes import msgpack as msgpacks
from pytest_ckpt.filetypes import pickle as pickles
from pytest_ckpt.filetypes import tar as tars
from pytest_ckpt.filetypes import zip as zips


def _npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(8, dtype="<f4"))
    return out.getvalue()


def _zip(streamed: bool = False, method: int = zipfile.ZIP_STORED) -> bytes:
    class Stream(io.BytesIO):
        """Cannot go back, so that sizes are written behind the members."""

        def seekable(self) -> bool:
            return not streamed

        def seek(self, *place: int) -> int:
            if streamed:
                raise OSError("no")
            return super().seek(*place)

    out = Stream()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("x.npy", _npy())
        archive.writestr("folder/data.pkl", pickle.dumps({"a": 1}, protocol=2))
    return out.getvalue()


def _tar() -> bytes:
    return tars.written([(tars.plain("x.npy"), _npy()), (tars.plain("note"), b"hello")])


#: By kind: a file of it, and words that have to stand in what is said of its regions.
FILES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "zip": (_zip(), ("local header", "directory entry", "end of the directory", "opcode STOP, in the data of the member 'folder/data")),
    "zip, streamed": (_zip(True), ("data descriptor",)),
    "zip, compressed": (_zip(method=zipfile.ZIP_DEFLATED), ("compressed data of the member 'x.npy'",)),
    "tar": (_tar(), ("header of the member", "padding", "end of the archive", "elements, in the data of the member 'x.npy'")),
    "npy": (_npy(), ("magic", "version", "length of the header", "the header", "elements")),
    "headed": (headed.written({"x": {"data_offsets": [0, 8]}}, bytes(8)), ("length of the header", "the header", "behind the header")),
    "headed, with something before": (b"magic" + headed.written({"x": 1}, b"body"), ("before the header", "the header")),
    "json": (b'{"a": [1, 2]}', ("JSON",)),
    "pickle": (pickle.dumps({"a": np.arange(3)}, protocol=2), ("opcode PROTO", "opcode STOP")),
    "msgpack": (b"\x81\xa1x\xc4\x04abcd", ("head of a map", "content of a str", "content of a bin")),
    "hdf5": (hdf5.MAGIC + bytes(88) + b"TREE" + bytes(20) + b"HEAP" + bytes(20), ("superblock", "B-tree", "heap")),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_regions_of_a_file_are_all_of_it_one_after_the_other(name: str) -> None:
    data, words = FILES[name]
    found = regions(data)
    assert kind_of(data) == name.split(",")[0]
    assert found[0].start == 0
    assert found[-1].stop == len(data)
    assert all(one.stop == other.start for one, other in itertools.pairwise(found))
    for word in words:
        assert any(word in region.what for region in found), f"{word!r} is in none of {[each.what for each in found]}"


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x01\x02", b"plain words", b"PK\x03\x04", b"\x80\x02", b"{", b"3", bytes(600), b"\x93NUMPY\x01\x00"]
)
def test_bytes_of_which_nothing_is_known_are_one_region(data: bytes) -> None:
    assert kind_of(data) is None
    assert [(each.start, each.stop) for each in regions(data)] == ([(0, len(data))] if data else [])
    assert members(data) == {}
    with pytest.raises(ValueError):
        rebuilt(data, {})


@pytest.mark.parametrize("name", ["zip", "zip, streamed", "zip, compressed", "tar"])
def test_an_archive_that_is_rebuilt_is_whole(name: str) -> None:
    data = FILES[name][0]
    first, second = members(data)
    made = rebuilt(data, {first: b"other", second: None})
    assert members(made) == {first: b"other"}
    if name != "tar":
        with zipfile.ZipFile(io.BytesIO(made)) as archive:
            assert archive.testzip() is None


def test_an_archive_of_zeros_is_small_and_says_what_is_in_it() -> None:
    data = zips.with_zeros({"a": b"first"}, "zeros", 3)
    assert len(data) < 8 << 10
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("zeros") == bytes(3 << 20)
        assert archive.read("a") == b"first"
    assert len(zips.with_zeros({}, "zeros", 1024)) < 2 << 20


def test_names_and_links_that_lead_out_are_written_as_they_are() -> None:
    made = zips.rebuilt(_zip(), {}, [("../out", b"x", 0), ("link", b"/target", zips.LINK_MODE)])
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert "../out" in archive.namelist()
        assert archive.getinfo("link").external_attr >> 28 == 0o12
    linked = tars.rebuilt(_tar(), {}, [(tars.link("link", "/target"), b""), (tars.plain("../out"), b"x")])
    with tarfile.open(fileobj=io.BytesIO(linked)) as archive:
        assert archive.getmember("link").linkname == "/target"
        assert "../out" in archive.getnames()


@pytest.mark.parametrize("way", pickles.CALLS)
def test_a_pickle_calls_what_it_is_told_to_and_is_what_the_honest_one_is(way: str) -> None:
    call = pickles.calling(way, "binascii", "unhexlify", "ff00")
    assert pickle.loads(call) == b"\xff\x00"
    for protocol in (2, 4, 5):
        honest = pickle.dumps({"a": [1, 2]}, protocol=protocol)
        assert pickle.loads(pickles.before(call, honest)) == {"a": [1, 2]}


def test_nesting_is_as_deep_as_is_asked_for() -> None:
    value, depth = pickle.loads(pickles.nested(1000)), 0
    while value:
        (value,), depth = value, depth + 1
    assert depth == 999
    assert len(msgpacks.items(msgpacks.nested(1000))) == 1001


def test_headers_can_claim_anything() -> None:
    assert npy.header(npy.rebuilt(_npy(), shape=(1 << 40,)))[0]["shape"] == (1 << 40,)
    parts = headed.split(b"before" + headed.written({"a": 1}, b"body"))
    assert (parts.before, parts.says, parts.body) == (b"before", {"a": 1}, b"body")
    assert headed.split(parts.joined({"b": 2})).says == {"b": 2}
    assert int.from_bytes(parts.joined({"b": 2}, 1 << 62)[6:14], "little") == 1 << 62
    with pytest.raises(ParseError):
        headed.split(parts.joined({"b": 2}, 1 << 62))


def test_items_of_msgpack_are_put_in_place_of_others() -> None:
    data = FILES["msgpack"][0]
    (item,) = [each for each in msgpacks.items(data) if each.kind == "bin"]
    made = msgpacks.replaced(data, item, b"longer than before")
    assert b"longer than before" in made
    assert [each.kind for each in msgpacks.items(made)] == ["map", "str", "bin"]
    with pytest.raises(ParseError):
        msgpacks.items(msgpacks.replaced(data, item, b"abcd", 5))


def test_values_in_json_are_found_and_replaced_by_their_place() -> None:
    said = texts.parsed(b'{"a": [1, {"b": "c"}]}')
    assert dict(texts.nodes(said))["a", 1, "b"] == "c"
    assert json.loads(texts.written(texts.replaced(said, ("a", 1, "b"), [2]))) == {"a": [1, {"b": [2]}]}
    assert texts.at(said, ("a", 0)) == 1


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_what_is_packed_as_a_whole_is_unpacked_and_packed_again(pack: Callable[[bytes], bytes]) -> None:
    way, content = unpacked(pack(b"data" * 100))
    assert content == b"data" * 100
    assert unpacked(packed(way, b"others")) == (way, b"others")
    assert unpacked(packed_zeros(way, 2)) == (way, bytes(2 << 20))


@pytest.mark.parametrize("data", [b"", b"x plain text", b"\x1f\x8b and no more"])
def test_what_is_not_packed_is_told_from_what_is(data: bytes) -> None:
    with pytest.raises(ParseError):
        unpacked(data)


def test_pickles_are_found_among_other_bytes() -> None:
    first, second = pickle.dumps({"version": 1}), pickle.dumps([1, 2, 3], protocol=2)
    data = b"before" + first + b"\x80\x02 between" + second
    assert [data[start:stop] for start, stop in pickles.within(data)] == [first, second]
