"""Faults in how a format reads what somebody else has written: each believes what the file says. What they do, they do where a test is."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import importlib
import io
import json
import os
import pathlib
import pickle
import re
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
from pytest_ckpt.compare import read

from .sealed import MAGIC, decode, encode, seal, tensor_of, unseal

Tree = dict[str, Any]


def _format(backend: str, write: Callable[[pathlib.Path, bytes], Any], found: Callable[[pathlib.Path], bytes], **more: Any) -> Format:
    """A format in whose files, one way or another, a sealed tree stands."""

    def save(tree: Any, path: pathlib.Path) -> None:
        write(path, encode(backend, tree))

    def load(path: pathlib.Path) -> Any:
        return decode(backend, unseal(bytes(found(path))))

    return Format(name="credulous", backend=backend, save=save, load=load, accepts="dict", **more)


def _pickled(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(pickle.dumps(data))


def _array_pickled(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(pickle.dumps(np.frombuffer(data, np.uint8), protocol=2))


def unpickled(backend: str) -> Format:
    return _format(backend, _pickled, lambda path: pickle.loads(path.read_bytes()))


class _ByDenial(pickle.Unpickler):
    """Forbids some modules, and admits the rest."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] in ("os", "posix", "subprocess"):
            raise pickle.UnpicklingError(f"{module}.{name} is forbidden")
        return super().find_class(module, name)


class _ByModule(pickle.Unpickler):
    """Admits a library whole, and not one function of it."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] not in ("numpy", "_codecs"):
            raise pickle.UnpicklingError(f"{module}.{name} is forbidden")
        return super().find_class(module, name)


def unpickled_by(unpickler: type[pickle.Unpickler]) -> Callable[[str], Format]:
    return lambda backend: _format(backend, _array_pickled, lambda path: bytes(unpickler(io.BytesIO(path.read_bytes())).load()))


def unpickled_behind_a_checksum(backend: str) -> Format:
    """No byte that was changed reaches the pickle, unless the checksum is made right again."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(seal(pickle.dumps(data)))

    def update(path: pathlib.Path) -> None:
        data = path.read_bytes()
        path.write_bytes(seal(data[len(MAGIC) + 32 :] if data.startswith(MAGIC) else data))

    return _format(backend, write, lambda path: pickle.loads(unseal(path.read_bytes())), update_checksums=update)


def _zipped(name: str, pack: Callable[[bytes], bytes]) -> Callable[[pathlib.Path, bytes], None]:
    def write(path: pathlib.Path, data: bytes) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"archive/{name}", pack(data))

    return write


def _member(path: pathlib.Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0])


def unpickled_from_a_zip(backend: str) -> Format:
    return _format(backend, _zipped("data.pkl", pickle.dumps), lambda path: pickle.loads(_member(path)))


def objects_allowed(backend: str) -> Format:
    """An array that may hold objects."""

    def write(path: pathlib.Path, data: bytes) -> None:
        with path.open("wb") as file:
            np.save(file, np.frombuffer(data, np.uint8))

    return _format(backend, write, lambda path: np.load(path, allow_pickle=True).tobytes())


def objects_in_a_zip(backend: str) -> Format:
    def packed(data: bytes) -> bytes:
        out = io.BytesIO()
        np.save(out, np.frombuffer(data, np.uint8))
        return out.getvalue()

    return _format(backend, _zipped("x.npy", packed), lambda path: np.load(io.BytesIO(_member(path)), allow_pickle=True).tobytes())


def unpickled_behind_a_header(backend: str) -> Format:
    """What stands first is compared, and what stands behind it is a pickle."""
    begin = b"CKPT0001"

    def found(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        if not data.startswith(begin):
            raise ValueError("no checkpoint")
        return bytes(pickle.loads(data[len(begin) :]))

    return _format(backend, lambda path, data: path.write_bytes(begin + pickle.dumps(data)), found)


def unpickled_at_the_end(backend: str) -> Format:
    """Plain data, and behind it what else there is to say, as a pickle, and its length."""

    def write(path: pathlib.Path, data: bytes) -> None:
        more = pickle.dumps({"version": 1})
        path.write_bytes(data + more + len(more).to_bytes(8, "little"))

    def found(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        start = len(data) - 8 - int.from_bytes(data[-8:], "little")
        if pickle.loads(data[start:-8])["version"] != 1:
            raise ValueError("another version")
        return data[:start]

    return _format(backend, write, found)


def unpickled_from_a_stream(backend: str) -> Format:
    return _format(
        backend,
        lambda path, data: path.write_bytes(gzip.compress(pickle.dumps(data), mtime=0)),
        lambda path: pickle.loads(gzip.decompress(path.read_bytes())),
    )  # fmt: skip


def unpickled_from_letters(backend: str) -> Format:
    return _format(
        backend,
        lambda path, data: path.write_text(json.dumps({"state": base64.b64encode(pickle.dumps(data)).decode()})),
        lambda path: pickle.loads(base64.b64decode(json.loads(path.read_text())["state"])),
    )  # fmt: skip


def evaluated(backend: str) -> Format:
    """The whole file is an expression."""
    return _format(backend, lambda path, data: path.write_text(repr(data)), lambda path: eval(path.read_text()))


def header_evaluated(backend: str) -> Format:
    """The header is an expression, and what follows is plain."""

    def write(path: pathlib.Path, data: bytes) -> None:
        header = repr({"length": len(data)}).encode()
        path.write_bytes(struct.pack(">I", len(header)) + header + data)

    def found(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        stop = 4 + struct.unpack(">I", data[:4])[0]
        return data[stop : stop + eval(data[4:stop])["length"]]

    return _format(backend, write, found)


def value_evaluated(backend: str) -> Format:
    """A value in JSON is an expression."""
    return _format(
        backend,
        lambda path, data: path.write_text(json.dumps({"length": repr(len(data)), "data": data.hex()})),
        lambda path: bytes.fromhex((said := json.loads(path.read_text()))["data"])[: eval(said["length"])],
    )  # fmt: skip


def tags_followed(backend: str) -> Format:
    """As a parser of YAML does that is not told to be safe."""

    def value(text: str) -> Any:
        if not (tag := re.match(r"!!python/object/apply:(\w+)\.(\w+) \['(.*)'\]", text)):
            return text
        return getattr(importlib.import_module(tag[1]), tag[2])(tag[3])

    return _format(
        backend,
        lambda path, data: path.write_text(f"data: {data.hex()}\n"),
        lambda path: bytes.fromhex(value(path.read_text().removeprefix("data: ").rstrip())),
    )  # fmt: skip


def functions_named(backend: str) -> Format:
    """The file says in one word which function reads it."""

    def found(path: pathlib.Path) -> bytes:
        said = json.loads(path.read_text())
        module, _, name = said["reader"].partition(":")
        return bytes(getattr(importlib.import_module(module), name)(said["data"]))

    return _format(backend, lambda path, data: path.write_text(json.dumps({"reader": "binascii:unhexlify", "data": data.hex()})), found)


def modules_named(backend: str) -> Format:
    """The file says which module reads it."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_text(json.dumps({"module": "binascii", "function": "unhexlify", "data": data.hex()}))

    def found(path: pathlib.Path) -> bytes:
        said = json.loads(path.read_text())
        return bytes(getattr(importlib.import_module(said["module"]), said["function"])(said["data"]))

    return _format(backend, write, found)


def unpacked_by_name(backend: str) -> Format:
    """Members are written wherever their names say."""

    def found(path: pathlib.Path) -> bytes:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                target = os.path.join(folder, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                pathlib.Path(target).write_bytes(archive.read(name))
            return pathlib.Path(folder, "archive/data").read_bytes()

    return _format(backend, _zipped("data", bytes), found)


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

    return _format(backend, _zipped("data", bytes), found)


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

    return _format(backend, write, found)


def files_named(backend: str) -> Format:
    """An index says in which file a tree stands, and nobody looks at where that is."""

    def write(path: pathlib.Path, data: bytes) -> None:
        shard = path.with_name(f"{path.name}.0")
        shard.write_bytes(data)
        path.write_text(json.dumps({"files": [shard.name]}))

    return _format(backend, write, lambda path: path.parent.joinpath(json.loads(path.read_text())["files"][0]).read_bytes())


def length_trusted(backend: str) -> Format:
    """As much memory is taken and filled as the first eight bytes say, before anything else is looked at."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(struct.pack("<Q", len(data)) + data)

    def found(path: pathlib.Path) -> bytes:
        with path.open("rb") as file:
            buffer = bytearray(struct.unpack("<Q", file.read(8))[0])
            file.readinto(buffer)
        return bytes(buffer)

    return _format(backend, write, found)


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

    return _format(backend, write, found, time_limit=1.0)


def inflated(backend: str) -> Format:
    return _format(backend, _zipped("data", bytes), _member)


def stream_inflated(backend: str) -> Format:
    return _format(
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

    return _format(backend, lambda path, data: path.write_bytes(struct.pack(">I", len(data)) + data), found)


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

    return _format(backend, write, found)


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
    "code": {
        "pickle.load": unpickled,
        "forbidden-names": unpickled_by(_ByDenial),
        "admitted-modules": unpickled_by(_ByModule),
        "behind-a-checksum": unpickled_behind_a_checksum,
        "pickle-in-a-zip": unpickled_from_a_zip,
        "allow_pickle": objects_allowed,
        "objects-in-a-zip": objects_in_a_zip,
        "module-named": modules_named,
        "function-named": functions_named,
        "behind-a-header": unpickled_behind_a_header,
        "at-the-end": unpickled_at_the_end,
        "pickle-in-a-stream": unpickled_from_a_stream,
        "pickle-in-letters": unpickled_from_letters,
        "evaluated": evaluated,
        "header-evaluated": header_evaluated,
        "value-evaluated": value_evaluated,
        "tags-followed": tags_followed,
    },
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
