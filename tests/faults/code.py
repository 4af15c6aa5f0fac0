"""Faults that run what a file says: pickles, expressions, and functions that are named. What they do, they do where a test is."""

from __future__ import annotations

import base64
import gzip
import importlib
import io
import json
import pathlib
import pickle
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt import Format

from .credulous import credulous, member, zipped
from .sealed import MAGIC, seal, unseal


def _pickled(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(pickle.dumps(data))


def _array_pickled(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(pickle.dumps(np.frombuffer(data, np.uint8), protocol=2))


def unpickled(backend: str) -> Format:
    return credulous(backend, _pickled, lambda path: pickle.loads(path.read_bytes()))


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
    return lambda backend: credulous(backend, _array_pickled, lambda path: bytes(unpickler(io.BytesIO(path.read_bytes())).load()))


def unpickled_behind_a_checksum(backend: str) -> Format:
    """No byte that was changed reaches the pickle, unless the checksum is made right again."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(seal(pickle.dumps(data)))

    def update(path: pathlib.Path) -> None:
        data = path.read_bytes()
        path.write_bytes(seal(data[len(MAGIC) + 32 :] if data.startswith(MAGIC) else data))

    return credulous(backend, write, lambda path: pickle.loads(unseal(path.read_bytes())), update_checksums=update)


def unpickled_from_a_zip(backend: str) -> Format:
    return credulous(backend, zipped("data.pkl", pickle.dumps), lambda path: pickle.loads(member(path)))


def objects_allowed(backend: str) -> Format:
    """An array that may hold objects."""

    def write(path: pathlib.Path, data: bytes) -> None:
        with path.open("wb") as file:
            np.save(file, np.frombuffer(data, np.uint8))

    return credulous(backend, write, lambda path: np.load(path, allow_pickle=True).tobytes())


def objects_in_a_zip(backend: str) -> Format:
    def packed(data: bytes) -> bytes:
        out = io.BytesIO()
        np.save(out, np.frombuffer(data, np.uint8))
        return out.getvalue()

    return credulous(backend, zipped("x.npy", packed), lambda path: np.load(io.BytesIO(member(path)), allow_pickle=True).tobytes())


def unpickled_behind_a_header(backend: str) -> Format:
    """What stands first is compared, and what stands behind it is a pickle."""
    begin = b"CKPT0001"

    def found(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        if not data.startswith(begin):
            raise ValueError("no checkpoint")
        return bytes(pickle.loads(data[len(begin) :]))

    return credulous(backend, lambda path, data: path.write_bytes(begin + pickle.dumps(data)), found)


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

    return credulous(backend, write, found)


def unpickled_from_a_stream(backend: str) -> Format:
    return credulous(
        backend,
        lambda path, data: path.write_bytes(gzip.compress(pickle.dumps(data), mtime=0)),
        lambda path: pickle.loads(gzip.decompress(path.read_bytes())),
    )  # fmt: skip


def unpickled_from_letters(backend: str) -> Format:
    return credulous(
        backend,
        lambda path, data: path.write_text(json.dumps({"state": base64.b64encode(pickle.dumps(data)).decode()})),
        lambda path: pickle.loads(base64.b64decode(json.loads(path.read_text())["state"])),
    )  # fmt: skip


def evaluated(backend: str) -> Format:
    """The whole file is an expression."""
    return credulous(backend, lambda path, data: path.write_text(repr(data)), lambda path: eval(path.read_text()))


def header_evaluated(backend: str) -> Format:
    """The header is an expression, and what follows is plain."""

    def write(path: pathlib.Path, data: bytes) -> None:
        header = repr({"length": len(data)}).encode()
        path.write_bytes(struct.pack(">I", len(header)) + header + data)

    def found(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        stop = 4 + struct.unpack(">I", data[:4])[0]
        return data[stop : stop + eval(data[4:stop])["length"]]

    return credulous(backend, write, found)


def value_evaluated(backend: str) -> Format:
    """A value in JSON is an expression."""
    return credulous(
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

    return credulous(
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

    return credulous(backend, lambda path, data: path.write_text(json.dumps({"reader": "binascii:unhexlify", "data": data.hex()})), found)


def modules_named(backend: str) -> Format:
    """The file says which module reads it."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_text(json.dumps({"module": "binascii", "function": "unhexlify", "data": data.hex()}))

    def found(path: pathlib.Path) -> bytes:
        said = json.loads(path.read_text())
        return bytes(getattr(importlib.import_module(said["module"]), said["function"])(said["data"]))

    return credulous(backend, write, found)


#: What runs code of the file, by name.
CODE: dict[str, Callable[[str], Format]] = {
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
}
