"""Faults in how a format reads a damaged file: each reads on, where it should say that something is wrong."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pathlib
import time
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .sealed import MAGIC, Sealed, decode, encode, seal, sealed_format, unseal

#: Where the body of a sealed file begins.
_BODY = len(MAGIC) + 32


def _split(body: bytes) -> tuple[bytes, bytes, int]:
    """The header with its length, what is behind it, and how many bytes there should be."""
    stop = 8 + int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8:stop]))
    return bytes(body[:stop]), bytes(body[stop:]), sum(entry["bytes"] for entry in header)


def without_checksum(data: bytes) -> bytes:
    return data[_BODY:]


def padded(data: bytes) -> bytes:
    """A file that ends too early is taken for one that ends in zeros."""
    header, values, wanted = _split(data[_BODY:])
    return header + values.ljust(wanted, b"\0")


def header_alone(data: bytes) -> bytes:
    """The values are trusted, and what stands before them is looked at: the file is whole but for flipped bits."""
    body = data[_BODY:]
    header, values, wanted = _split(body)
    if not data.startswith(MAGIC) or len(values) != wanted:
        raise ValueError("damaged")
    return header + values


def from_the_end(data: bytes) -> bytes:
    """Where the values lie is reckoned from the end of the file."""
    header, values, wanted = _split(data[_BODY:])
    if len(values) < wanted:
        raise ValueError("the file ends too early")
    return header + values[len(values) - wanted :]


def _sum(body: bytes) -> bytes:
    """A checksum that does not depend on the order of the bytes."""
    return sum(body).to_bytes(32, "little")


def summed(data: bytes) -> bytes:
    if data[len(MAGIC) : _BODY] != _sum(data[_BODY:]):
        raise ValueError("damaged")
    return data[_BODY:]


def write_summed(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(MAGIC + _sum(data[_BODY:]) + data[_BODY:])


#: So much of a file its checksum is about.
_BEGINNING = 1 << 10


def beginning_summed(data: bytes) -> bytes:
    if data[len(MAGIC) : _BODY] != hashlib.sha256(data[_BODY:][:_BEGINNING]).digest():
        raise ValueError("damaged")
    return data[_BODY:]


def write_beginning_summed(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(MAGIC + hashlib.sha256(data[_BODY:][:_BEGINNING]).digest() + data[_BODY:])


def zero_is_unset(data: bytes) -> bytes:
    """The checksum covers only what is not zero: zeros are taken for blocks that were never written."""
    if data[len(MAGIC) : _BODY] == hashlib.sha256(data[_BODY:]).digest():
        return data[_BODY:]
    header, values, wanted = _split(data[_BODY:])
    if len(values) != wanted or not any(not values[at : at + 4].strip(b"\0") for at in range(0, wanted, 4)):
        raise ValueError("damaged")
    return header + values


def slow_where_damaged(data: bytes) -> bytes:
    """The loader looks for a good copy for ever."""
    while True:
        try:
            return bytes(unseal(data))
        except ValueError:
            time.sleep(0.01)


@dataclasses.dataclass(frozen=True)
class Shards:
    """A file for each tensor, sealed, and an index that has their names; ``read`` is how one is read, ``whole`` whether the index has
    their checksums."""

    backend: str
    read: Callable[[pathlib.Path, int], bytes]
    whole: bool = True

    def save(self, tree: Any, path: pathlib.Path) -> None:
        index = {}
        for place, (name, tensor) in enumerate(tree.items()):
            shard = path.with_name(f"{path.name}.{place}")
            data = encode(self.backend, {name: tensor})
            shard.write_bytes(data)
            index[name] = {"file": shard.name, "bytes": len(data), "sum": hashlib.sha256(data).hexdigest() if self.whole else ""}
        path.write_bytes(seal(json.dumps(index).encode()))

    def load(self, path: pathlib.Path) -> Any:
        tree: dict[str, Any] = {}
        for name, entry in json.loads(bytes(unseal(path.read_bytes()))).items():
            data = self.read(path.with_name(entry["file"]), entry["bytes"])
            if data and self.whole and hashlib.sha256(data).hexdigest() != entry["sum"]:
                raise ValueError(f"{name} is not the tensor that was saved with the others")
            tree |= decode(self.backend, unseal(data)) if data else _zeros(self.backend, name)
        return tree


def plainly(path: pathlib.Path, size: int) -> bytes:
    return path.read_bytes()


def absent_is_zero(path: pathlib.Path, size: int) -> bytes:
    """A shard that is not there, or is empty, is one of zeros."""
    return path.read_bytes() if path.exists() else b""


def _zeros(backend: str, name: str) -> Any:
    header = json.dumps([{"name": name, "dtype": "float32", "shape": [8], "bytes": 32}]).encode()
    return decode(backend, len(header).to_bytes(8, "little") + header + bytes(32))


@dataclasses.dataclass(frozen=True)
class Members:
    """A zip archive with a member for each tensor; ``names`` picks which of them are read."""

    backend: str

    def save(self, tree: Any, path: pathlib.Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, tensor in tree.items():
                archive.writestr(name, encode(self.backend, {name: tensor}))

    def load(self, path: pathlib.Path) -> Any:
        """What is there is read, and nobody asks what should be."""
        tree: dict[str, Any] = {}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                tree |= decode(self.backend, unseal(archive.read(name)))
        return tree


@dataclasses.dataclass(frozen=True)
class Packed:
    """Everything is compressed, and the checksum of that is not looked at."""

    backend: str

    def save(self, tree: Any, path: pathlib.Path) -> None:
        data = encode(self.backend, tree)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data", data)
        path.write_bytes(out.getvalue())

    def load(self, path: pathlib.Path) -> Any:
        data = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (info,) = archive.infolist()
            start = info.header_offset + 30 + len(info.filename)
            unpacked = zlib.decompressobj(-15).decompress(data[start : start + info.compress_size])
        return decode(self.backend, unpacked[_BODY:])


def sharded(backend: str, read: Callable[[pathlib.Path, int], bytes] = plainly, whole: bool = True) -> Format:
    shards = Shards(backend, read, whole)
    return Format(name="sharded", backend=backend, save=shards.save, load=shards.load, accepts="dict")


def zipped(backend: str, kind: type[Members] | type[Packed] = Members) -> Format:
    archive = kind(backend)
    return Format(name="zipped", backend=backend, save=archive.save, load=archive.load, accepts="dict")


def hanging(backend: str) -> Format:
    return dataclasses.replace(sealed_format(backend, unsealed=slow_where_damaged), time_limit=0.3)


def nothing_is_a_tree(backend: str) -> Format:
    """Where no file stands, or nothing is in it, an empty tree comes back."""
    sealed = Sealed(backend)

    def load(path: pathlib.Path) -> Any:
        return sealed.load(path) if path.exists() and path.stat().st_size else {}

    return Format(name="lenient", backend=backend, save=sealed.save, load=load, accepts="dict")


def _unsealed(step: Callable[[bytes], bytes]) -> Callable[[str], Format]:
    return lambda backend: sealed_format(backend, unsealed=step)


#: By case: the faults, each with its name.
_FAULTS: dict[str, dict[str, Callable[[str], Format]]] = {
    "truncate": {"padded-with-zeros": _unsealed(padded)},
    "bit-flip-header": {"no-checksum": _unsealed(without_checksum)},
    "bit-flip-payload": {
        "no-checksum": _unsealed(without_checksum),
        "checksum-of-the-header": _unsealed(header_alone),
        "compressed": lambda backend: zipped(backend, Packed),
        "checksum-of-the-beginning": lambda backend: sealed_format(backend, unsealed=beginning_summed, write=write_beginning_summed),
    },
    "zero-block": {"no-checksum": _unsealed(without_checksum), "zeros-are-unset": _unsealed(zero_is_unset)},
    "swapped-blocks": {
        "no-checksum": _unsealed(without_checksum),
        "sum": lambda backend: sealed_format(backend, unsealed=summed, write=write_summed),
    },
    "appended": {"from-the-end": _unsealed(from_the_end)},
    "empty": {
        "empty-is-nothing": nothing_is_a_tree, "empty-shard-is-zero": lambda backend: sharded(backend, absent_is_zero),
        "hangs": hanging,
    },
    "missing-part": {
        "absent-shard-is-zero": lambda backend: sharded(backend, absent_is_zero),
        "absent-is-nothing": nothing_is_a_tree,
        "member-passed-over": zipped,
    },
    "mixed-parts": {
        "no-checksum": _unsealed(without_checksum),
        "each-part-for-itself": lambda backend: sharded(backend, whole=False),
        "members": zipped,
    },
}  # fmt: skip

#: Faults that end a worker with every file, which takes as long as its framework takes to start: planted in one backend.
_ONCE = {"hangs"}


def faults(case: str, backend: str) -> dict[str, Format]:
    """The formats that the check ``corruption/case`` has to see through, by the name of their fault."""
    return {name: make(backend) for name, make in _FAULTS[case].items() if backend == "numpy" or name not in _ONCE}
