"""Faults that run code from a file, for `security/code`: pickles, expressions and named functions.

The code in the hostile files only acts inside the folder of the test.
"""

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

from .checksummed import MAGIC, MakeFormat, add_checksum, verify_checksum
from .trusting import read_first_member, trusting_format, write_zip


def _write_pickle(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(pickle.dumps(data))


def _write_pickled_array(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(pickle.dumps(np.frombuffer(data, np.uint8), protocol=2))


def unpickles_file(backend: str) -> Format:
    return trusting_format(backend, _write_pickle, lambda path: pickle.loads(path.read_bytes()))


class _DenyingUnpickler(pickle.Unpickler):
    """Forbids some modules and allows all others."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] in ("os", "posix", "subprocess"):
            raise pickle.UnpicklingError(f"{module}.{name} is forbidden")
        return super().find_class(module, name)


class _ModuleAllowingUnpickler(pickle.Unpickler):
    """Allows every function of a library instead of single functions."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] not in ("numpy", "_codecs"):
            raise pickle.UnpicklingError(f"{module}.{name} is forbidden")
        return super().find_class(module, name)


def _unpickles_by(unpickler: type[pickle.Unpickler]) -> MakeFormat:
    return lambda backend: trusting_format(
        backend, _write_pickled_array, lambda path: bytes(unpickler(io.BytesIO(path.read_bytes())).load())
    )


def unpickles_behind_checksum(backend: str) -> Format:
    """Unpickle a body whose checksum must match, so that hostile files need an updated checksum."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(add_checksum(pickle.dumps(data)))

    def update(path: pathlib.Path) -> None:
        data = path.read_bytes()
        path.write_bytes(add_checksum(data[len(MAGIC) + 32 :] if data.startswith(MAGIC) else data))

    return trusting_format(backend, write, lambda path: pickle.loads(verify_checksum(path.read_bytes())), update_checksums=update)


def _unpickles_zip_member(backend: str) -> Format:
    return trusting_format(backend, write_zip("data.pkl", pickle.dumps), lambda path: pickle.loads(read_first_member(path)))


def _allows_object_arrays(backend: str) -> Format:
    def write(path: pathlib.Path, data: bytes) -> None:
        with path.open("wb") as file:
            np.save(file, np.frombuffer(data, np.uint8))

    return trusting_format(backend, write, lambda path: np.load(path, allow_pickle=True).tobytes())


def _allows_object_arrays_in_zip(backend: str) -> Format:
    def encode_member(data: bytes) -> bytes:
        out = io.BytesIO()
        np.save(out, np.frombuffer(data, np.uint8))
        return out.getvalue()

    return trusting_format(
        backend,
        write_zip("x.npy", encode_member),
        lambda path: np.load(io.BytesIO(read_first_member(path)), allow_pickle=True).tobytes(),
    )


def _unpickles_behind_header(backend: str) -> Format:
    """Compare a magic number, and unpickle the rest of the file."""
    magic = b"CKPT0001"

    def extract(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        if not data.startswith(magic):
            raise ValueError("the file is not a checkpoint")
        return bytes(pickle.loads(data[len(magic) :]))

    return trusting_format(backend, lambda path, data: path.write_bytes(magic + pickle.dumps(data)), extract)


def _unpickles_trailer(backend: str) -> Format:
    """Unpickle metadata that come after the data, with their length at the end of the file."""

    def write(path: pathlib.Path, data: bytes) -> None:
        metadata = pickle.dumps({"version": 1})
        path.write_bytes(data + metadata + len(metadata).to_bytes(8, "little"))

    def extract(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        start = len(data) - 8 - int.from_bytes(data[-8:], "little")
        if pickle.loads(data[start:-8])["version"] != 1:
            raise ValueError("the version is unknown")
        return data[:start]

    return trusting_format(backend, write, extract)


def _unpickles_gzip(backend: str) -> Format:
    return trusting_format(
        backend,
        lambda path, data: path.write_bytes(gzip.compress(pickle.dumps(data), mtime=0)),
        lambda path: pickle.loads(gzip.decompress(path.read_bytes())),
    )


def _unpickles_base64(backend: str) -> Format:
    return trusting_format(
        backend,
        lambda path, data: path.write_text(json.dumps({"state": base64.b64encode(pickle.dumps(data)).decode()})),
        lambda path: pickle.loads(base64.b64decode(json.loads(path.read_text())["state"])),
    )


def _evaluates_file(backend: str) -> Format:
    return trusting_format(backend, lambda path, data: path.write_text(repr(data)), lambda path: eval(path.read_text()))


def _evaluates_header(backend: str) -> Format:
    def write(path: pathlib.Path, data: bytes) -> None:
        header = repr({"length": len(data)}).encode()
        path.write_bytes(struct.pack(">I", len(header)) + header + data)

    def extract(path: pathlib.Path) -> bytes:
        data = path.read_bytes()
        stop = 4 + struct.unpack(">I", data[:4])[0]
        return data[stop : stop + eval(data[4:stop])["length"]]

    return trusting_format(backend, write, extract)


def _evaluates_json_value(backend: str) -> Format:
    return trusting_format(
        backend,
        lambda path, data: path.write_text(json.dumps({"length": repr(len(data)), "data": data.hex()})),
        lambda path: bytes.fromhex((fields := json.loads(path.read_text()))["data"])[: eval(fields["length"])],
    )


def _follows_yaml_tags(backend: str) -> Format:
    """Call the function that a YAML tag names, as `yaml.unsafe_load` does."""

    def construct(text: str) -> Any:
        if not (tag := re.match(r"!!python/object/apply:(\w+)\.(\w+) \['(.*)'\]", text)):
            return text
        return getattr(importlib.import_module(tag[1]), tag[2])(tag[3])

    return trusting_format(
        backend,
        lambda path, data: path.write_text(f"data: {data.hex()}\n"),
        lambda path: bytes.fromhex(construct(path.read_text().removeprefix("data: ").rstrip())),
    )


def _calls_named_function(backend: str) -> Format:
    """Call the function that the file names as ``module:function``."""

    def extract(path: pathlib.Path) -> bytes:
        fields = json.loads(path.read_text())
        module, _, name = fields["reader"].partition(":")
        return bytes(getattr(importlib.import_module(module), name)(fields["data"]))

    return trusting_format(
        backend,
        lambda path, data: path.write_text(json.dumps({"reader": "binascii:unhexlify", "data": data.hex()})),
        extract,
    )


def _imports_named_module(backend: str) -> Format:
    """Import the module that the file names, and call the function that it names."""

    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_text(json.dumps({"module": "binascii", "function": "unhexlify", "data": data.hex()}))

    def extract(path: pathlib.Path) -> bytes:
        fields = json.loads(path.read_text())
        return bytes(getattr(importlib.import_module(fields["module"]), fields["function"])(fields["data"]))

    return trusting_format(backend, write, extract)


#: By the name of the fault.
CODE: dict[str, Callable[[str], Format]] = {
    "unpickles_file": unpickles_file,
    "unpickles_with_deny_list": _unpickles_by(_DenyingUnpickler),
    "unpickles_with_allowed_modules": _unpickles_by(_ModuleAllowingUnpickler),
    "unpickles_behind_checksum": unpickles_behind_checksum,
    "unpickles_zip_member": _unpickles_zip_member,
    "allows_object_arrays": _allows_object_arrays,
    "allows_object_arrays_in_zip": _allows_object_arrays_in_zip,
    "imports_named_module": _imports_named_module,
    "calls_named_function": _calls_named_function,
    "unpickles_behind_header": _unpickles_behind_header,
    "unpickles_trailer": _unpickles_trailer,
    "unpickles_gzip": _unpickles_gzip,
    "unpickles_base64": _unpickles_base64,
    "evaluates_file": _evaluates_file,
    "evaluates_header": _evaluates_header,
    "evaluates_json_value": _evaluates_json_value,
    "follows_yaml_tags": _follows_yaml_tags,
}
