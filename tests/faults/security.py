"""Faults in how a format reads what somebody else has written: each believes what the file says. What they do, they do where a test is."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pathlib
import stat
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt import Format
from pytest_ckpt.compare.trees import read

from .code import CODE
from .credulous import credulous, member, zipped
from .sealed import tensor_of

Tree = dict[str, Any]


def unpacked_by_name(backend: str) -> Format:
    """Members are written wherever their names say."""

    def found(path: pathlib.Path) -> bytes:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                target = os.path.join(folder, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                pathlib.Path(target).write_bytes(archive.read(name))
            return pathlib.Path(folder, "archive/data").read_bytes()

    return credulous(backend, zipped("data", bytes), found)


def links_followed(backend: str) -> Format:
    """Names are looked at; what is a link in the archive becomes one on the disk."""

    def found(path: pathlib.Path) -> bytes:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                target = pathlib.Path(folder, info.filename)
                if ".." in target.parts or not target.is_relative_to(folder):
                    raise ValueError("a name that leads out of the archive")
                target.parent.mkdir(parents=True, exist_ok=True)
                if stat.S_ISLNK(info.external_attr >> 16):
                    target.symlink_to(archive.read(info).decode())
                else:
                    target.write_bytes(archive.read(info))
            return pathlib.Path(folder, "archive/data").read_bytes()

    return credulous(backend, zipped("data", bytes), found)


def untarred(backend: str) -> Format:
    def write(path: pathlib.Path, data: bytes) -> None:
        with tarfile.open(path, "w") as archive:
            info = tarfile.TarInfo("archive/data")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

    def found(path: pathlib.Path) -> bytes:
        with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as archive:
            archive.extractall(folder, filter="fully_trusted")
            return pathlib.Path(folder, "archive/data").read_bytes()

    return credulous(backend, write, found)


def files_named(backend: str) -> Format:
    """An index says in which file a tree stands, and nobody looks at where that is."""

    def write(path: pathlib.Path, data: bytes) -> None:
        shard = path.with_name(f"{path.name}.0")
        shard.write_bytes(data)
        path.write_text(json.dumps({"files": [shard.name]}))

    return credulous(backend, write, lambda path: path.parent.joinpath(json.loads(path.read_text())["files"][0]).read_bytes())


def length_trusted(backend: str) -> Format:
    """As much memory is taken and filled as the first eight bytes say, before anything else is looked at."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(struct.pack("<Q", len(data)) + data)

    def found(path: pathlib.Path) -> bytes:
        with path.open("rb") as file:
            buffer = bytearray(struct.unpack("<Q", file.read(8))[0])
            file.readinto(buffer)
        return bytes(buffer)

    return credulous(backend, write, found)


def elements_counted(backend: str) -> Format:
    """Elements are read one by one, as many as the file says, whether they are there or not."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(struct.pack("<Q", len(data)) + data)

    def found(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        left, at = int.from_bytes(data[:8], "little"), 8
        while left:
            left, at = left - 1, at + 1
        return data[8:at]

    return credulous(backend, write, found, time_limit=1.0)


def inflated(backend: str) -> Format:
    return credulous(backend, zipped("data", bytes), member)


def stream_inflated(backend: str) -> Format:
    return credulous(
        backend,
        lambda path, data: path.write_bytes(zlib.compress(data)),
        lambda path: zlib.decompress(path.read_bytes()),
    )  # fmt: skip


def short_length_trusted(backend: str) -> Format:
    """As `length_trusted`, with a length of four bytes, the highest first."""

    def found(path: pathlib.Path) -> bytes:
        with path.open("rb") as file:
            buffer = bytearray(struct.unpack(">I", file.read(4))[0])
            file.readinto(buffer)
        return bytes(buffer)

    return credulous(backend, lambda path, data: path.write_bytes(struct.pack(">I", len(data)) + data), found)


def nested_without_end(backend: str) -> Format:
    """The limit that Python has for nesting is taken away."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_text(json.dumps({"data": data.hex()}))

    def found(path: pathlib.Path) -> bytes:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(10_000_000)
        try:
            return bytes.fromhex(json.loads(path.read_text())["data"])
        finally:
            sys.setrecursionlimit(before)

    return credulous(backend, write, found)


@dataclasses.dataclass(frozen=True)
class Offsets:
    """A header says where each tensor begins and ends, and is believed."""

    backend: str

    def save(self, tree: Tree, path: pathlib.Path) -> None:
        header: Tree = {}
        body = b""
        for name, tensor in tree.items():
            reading = read(tensor)
            assert reading is not None
            block = np.ascontiguousarray(reading.words).tobytes()
            offsets = [len(body), len(body) + len(block)]
            header[name] = {"dtype": reading.dtype, "shape": reading.shape, "data_offsets": offsets}
            body += block
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + body)

    def load(self, path: pathlib.Path) -> Tree:
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        tree: Tree = {}
        for name, entry in json.loads(data[8:start]).items():
            first, last = entry["data_offsets"]
            tree[name] = tensor_of(self.backend, entry["dtype"], tuple(entry["shape"]), data[start + first : start + last])
        return tree


def offsets_trusted(backend: str) -> Format:
    kind = Offsets(backend)
    return Format(name="offsets", backend=backend, save=kind.save, load=kind.load, accepts="dict")


@dataclasses.dataclass(frozen=True)
class Places(Offsets):
    """A header says where each tensor begins; how long it is, is looked at, and not whether another one is there."""

    def load(self, path: pathlib.Path) -> Tree:
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        tree: Tree = {}
        for name, entry in json.loads(data[8:start]).items():
            block = data[start + entry["place"] :][: entry["length"]]
            tree[name] = tensor_of(self.backend, entry["dtype"], tuple(entry["shape"]), block)
        return tree

    def save(self, tree: Tree, path: pathlib.Path) -> None:
        super().save(tree, path)
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        for entry in header.values():
            first, last = entry.pop("data_offsets")
            entry.update(place=first, length=last - first)
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[start:])


def places_trusted(backend: str) -> Format:
    kind = Places(backend)
    return Format(name="places", backend=backend, save=kind.save, load=kind.load, accepts="dict")


#: By case: the faults, each with its name.
_FAULTS: dict[str, dict[str, Callable[[str], Format]]] = {
    "code": CODE,
    "escape": {
        "unpacked-by-name": unpacked_by_name,
        "links-followed": links_followed,
        "untarred": untarred,
        "files-named": files_named,
    },
    "bomb": {
        "length-trusted": length_trusted,
        "hangs": elements_counted,
        "inflated": inflated,
        "stream-inflated": stream_inflated,
        "short-length-trusted": short_length_trusted,
        "nested-without-end": nested_without_end,
    },
    "overlap": {"offsets-trusted": offsets_trusted, "places-trusted": places_trusted},
}

#: Faults that end a worker with every file, which takes as long as its framework takes to start: planted in one backend.
_ONCE = {"hangs", "nested-without-end"}


def faults(case: str, backend: str) -> dict[str, Format]:
    """The formats that the check ``security/case`` has to see through, by the name of their fault."""
    return {name: make(backend) for name, make in _FAULTS[case].items() if backend == "numpy" or name not in _ONCE}
