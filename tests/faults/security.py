"""Faults for the family `security`: loaders that trust the contents of a hostile file."""

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
from typing import Any

import numpy as np

from pytest_ckpt import Format
from pytest_ckpt.compare.tensors import read

from .checksummed import MakeFormat, tensor_from_bytes
from .code_execution import CODE
from .trusting import read_first_member, trusting_format, write_zip

Tree = dict[str, Any]


def _extracts_by_member_name(backend: str) -> Format:
    """Write the members of an archive to whatever paths their names give."""

    def extract(path: pathlib.Path) -> bytes:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                target = os.path.join(folder, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                pathlib.Path(target).write_bytes(archive.read(name))
            return pathlib.Path(folder, "archive/data").read_bytes()

    return trusting_format(backend, write_zip("data", bytes), extract)


def _extracts_symlinks(backend: str) -> Format:
    """Check the names of members, but create the symbolic links of the archive on disk."""

    def extract(path: pathlib.Path) -> bytes:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                target = pathlib.Path(folder, info.filename)
                if ".." in target.parts or not target.is_relative_to(folder):
                    raise ValueError("the name of a member leads outside the folder")
                target.parent.mkdir(parents=True, exist_ok=True)
                if stat.S_ISLNK(info.external_attr >> 16):
                    target.symlink_to(archive.read(info).decode())
                else:
                    target.write_bytes(archive.read(info))
            return pathlib.Path(folder, "archive/data").read_bytes()

    return trusting_format(backend, write_zip("data", bytes), extract)


def _extracts_untrusted_tar(backend: str) -> Format:
    def write(path: pathlib.Path, data: bytes) -> None:
        with tarfile.open(path, "w") as archive:
            info = tarfile.TarInfo("archive/data")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

    def extract(path: pathlib.Path) -> bytes:
        with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as archive:
            archive.extractall(folder, filter="fully_trusted")
            return pathlib.Path(folder, "archive/data").read_bytes()

    return trusting_format(backend, write, extract)


def _reads_any_named_file(backend: str) -> Format:
    """Read the file that an index names, whatever its path is."""

    def write(path: pathlib.Path, data: bytes) -> None:
        shard = path.with_name(f"{path.name}.0")
        shard.write_bytes(data)
        path.write_text(json.dumps({"files": [shard.name]}))

    return trusting_format(backend, write, lambda path: path.parent.joinpath(json.loads(path.read_text())["files"][0]).read_bytes())


def _trusts_64_bit_length(backend: str) -> Format:
    """Allocate and fill as many bytes as the first eight bytes declare."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(struct.pack("<Q", len(data)) + data)

    def extract(path: pathlib.Path) -> bytes:
        with path.open("rb") as file:
            buffer = bytearray(struct.unpack("<Q", file.read(8))[0])
            file.readinto(buffer)
        return bytes(buffer)

    return trusting_format(backend, write, extract)


def _loops_declared_times(backend: str) -> Format:
    """Loop as many times as the file declares, past the end of the data."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(struct.pack("<Q", len(data)) + data)

    def extract(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        left, at = int.from_bytes(data[:8], "little"), 8
        while left:
            left, at = left - 1, at + 1
        return data[8:at]

    return trusting_format(backend, write, extract, time_limit=1.0)


def _inflates_zip_member(backend: str) -> Format:
    return trusting_format(backend, write_zip("data", bytes), read_first_member)


def _inflates_stream(backend: str) -> Format:
    return trusting_format(
        backend,
        lambda path, data: path.write_bytes(zlib.compress(data)),
        lambda path: zlib.decompress(path.read_bytes()),
    )  # fmt: skip


def _trusts_32_bit_length(backend: str) -> Format:
    """Allocate and fill as many bytes as a big-endian length of four bytes declares."""

    def extract(path: pathlib.Path) -> bytes:
        with path.open("rb") as file:
            buffer = bytearray(struct.unpack(">I", file.read(4))[0])
            file.readinto(buffer)
        return bytes(buffer)

    return trusting_format(backend, lambda path, data: path.write_bytes(struct.pack(">I", len(data)) + data), extract)


def _removes_recursion_limit(backend: str) -> Format:
    """Raise Python's recursion limit while parsing JSON."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_text(json.dumps({"data": data.hex()}))

    def extract(path: pathlib.Path) -> bytes:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(10_000_000)
        try:
            return bytes.fromhex(json.loads(path.read_text())["data"])
        finally:
            sys.setrecursionlimit(before)

    return trusting_format(backend, write, extract)


@dataclasses.dataclass(frozen=True)
class Offsets:
    """The header has the start and the end of each tensor; nothing checks for overlaps."""

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
            tree[name] = tensor_from_bytes(self.backend, entry["dtype"], tuple(entry["shape"]), data[start + first : start + last])
        return tree


def _trusts_offsets(backend: str) -> Format:
    functions = Offsets(backend)
    return Format(name="offsets", backend=backend, save=functions.save, load=functions.load, accepts="dict")


@dataclasses.dataclass(frozen=True)
class StartAndLength(Offsets):
    """The header has the start and the length of each tensor; nothing checks for overlaps."""

    def load(self, path: pathlib.Path) -> Tree:
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        tree: Tree = {}
        for name, entry in json.loads(data[8:start]).items():
            block = data[start + entry["place"] :][: entry["length"]]
            tree[name] = tensor_from_bytes(self.backend, entry["dtype"], tuple(entry["shape"]), block)
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


def _trusts_start_and_length(backend: str) -> Format:
    functions = StartAndLength(backend)
    return Format(name="start-and-length", backend=backend, save=functions.save, load=functions.load, accepts="dict")


#: By case, then by the name of the fault.
_FAULTS: dict[str, dict[str, MakeFormat]] = {
    "code": CODE,
    "escape": {
        "extracts_by_member_name": _extracts_by_member_name,
        "extracts_symlinks": _extracts_symlinks,
        "extracts_untrusted_tar": _extracts_untrusted_tar,
        "reads_any_named_file": _reads_any_named_file,
    },
    "bomb": {
        "trusts_64_bit_length": _trusts_64_bit_length,
        "loops_declared_times": _loops_declared_times,
        "inflates_zip_member": _inflates_zip_member,
        "inflates_stream": _inflates_stream,
        "trusts_32_bit_length": _trusts_32_bit_length,
        "removes_recursion_limit": _removes_recursion_limit,
    },
    "overlap": {
        "trusts_offsets": _trusts_offsets,
        "trusts_start_and_length": _trusts_start_and_length,
    },
}

#: Faults that end a worker for each file: only for numpy, because a worker starts slowly.
_ONLY_NUMPY = {"loops_declared_times", "removes_recursion_limit"}


def faults(case: str, backend: str) -> dict[str, Format]:
    """Return the formats that the check ``security/case`` must fail, by the name of the fault."""
    return {name: make(backend) for name, make in _FAULTS[case].items() if backend == "numpy" or name not in _ONLY_NUMPY}
