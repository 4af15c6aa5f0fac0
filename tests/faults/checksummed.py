"""A format that survives crashes and damage: plain data behind a checksum, written atomically.

Each save writes a temporary file, syncs it, renames it and syncs the folder. Nothing in the file can
run code. A planted fault replaces one of these steps.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend
from pytest_ckpt.compare.elements import pattern_of
from pytest_ckpt.compare.tensors import read
from pytest_ckpt.specs import DTYPES, Fill, TensorSpec

MAGIC = b"chksum 1\n"
#: The offset of the body: behind the magic number and the digest.
BODY_OFFSET = len(MAGIC) + 32

#: Makes a format with a fault for a backend.
MakeFormat = Callable[[str], Format]


def encode(backend: str, tree: dict[str, Any]) -> bytes:
    """Return a flat dict of tensors as bytes: a checksum, a JSON header and the elements."""
    header, blocks = [], []
    for name, tensor in tree.items():
        reading = read(tensor)
        if reading is None or reading.words is None:
            raise TypeError(f"{name!r} is not a tensor of {backend}")
        words = np.ascontiguousarray(reading.words)
        header.append({"name": name, "dtype": reading.dtype, "shape": reading.shape, "bytes": words.nbytes})
        blocks.append(memoryview(words.reshape(-1).view(np.uint8)))
    text = json.dumps(header).encode()
    return _join_with_checksum([len(text).to_bytes(8, "little"), text, *blocks])


def add_checksum(body: bytes) -> bytes:
    """Return the body with the magic number and its checksum in front."""
    return _join_with_checksum([body])


def _join_with_checksum(parts: list[Any]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return b"".join([MAGIC, digest.digest(), *parts])


def verify_checksum(data: bytes) -> memoryview:
    """Return the body. Raise ValueError if the checksum does not match it."""
    body = memoryview(data)[BODY_OFFSET:]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) : BODY_OFFSET]:
        raise ValueError("the checksum does not match the data")
    return body


def decode(backend: str, body: bytes | memoryview) -> dict[str, Any]:
    """Return the tensors of a body. Raise ValueError if the header does not describe it exactly."""
    size = int.from_bytes(body[:8], "little")
    header, at, tree = json.loads(bytes(body[8 : 8 + size])), 8 + size, {}
    for entry in header:
        block = body[at : at + entry["bytes"]]
        if len(block) != entry["bytes"]:
            raise ValueError("the file is shorter than its header says")
        tree[entry["name"]] = tensor_from_bytes(backend, entry["dtype"], tuple(entry["shape"]), block)
        at += entry["bytes"]
    if at != len(body):
        raise ValueError("the file is longer than its header says")
    return tree


def tensor_from_bytes(backend: str, dtype: str, shape: tuple[int, ...], block: bytes | memoryview) -> Any:
    """Return the tensor with these bytes as elements. Raise ValueError if the count is wrong."""
    if dtype == "float32":
        return _FROM_NUMPY[backend](np.frombuffer(block, dtype).reshape(shape))
    row = DTYPES[dtype]
    elements = np.frombuffer(block, f"<u{row.word // 8}").reshape(-1, row.words)
    if len(elements) != TensorSpec(dtype, shape).size:
        raise ValueError(f"cannot make the shape {shape} from {len(elements)} elements")
    specials = tuple((place, pattern) for place, words in enumerate(elements) if (pattern := pattern_of(words, row)))
    return get_backend(backend).build(TensorSpec(dtype, shape, fill=Fill(specials=specials)))


def _import(name: str) -> Any:
    return importlib.import_module(name)


#: For each framework: copies a read-only array into a tensor with separate memory.
_FROM_NUMPY: dict[str, Callable[[Any], Any]] = {
    "numpy": lambda array: array.copy(),
    "torch": lambda array: _import("torch").from_numpy(array.copy()),
    "tensorflow": lambda array: _import("tensorflow").constant(array),
    "jax": lambda array: _import("jax.numpy").asarray(array.copy()),
    "mxnet": lambda array: _import("mxnet").np.array(array, dtype=array.dtype),
}


def write_atomically(path: pathlib.Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old file or the new one, never a mixture.

    Once this function returns, the new file also survives a power failure.
    """
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    sync_folder(path.parent)


def sync_folder(folder: pathlib.Path) -> None:
    """Sync the entries of a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclasses.dataclass(frozen=True)
class Checksummed:
    """The save and load functions; a fault replaces ``write`` or ``verify``."""

    backend: str
    write: Callable[[pathlib.Path, bytes], Any] = write_atomically
    verify: Callable[[bytes], bytes | memoryview] = verify_checksum

    def save(self, tree: Any, path: pathlib.Path) -> None:
        self.write(pathlib.Path(path), encode(self.backend, tree))

    def load(self, path: pathlib.Path) -> Any:
        return decode(self.backend, self.verify(pathlib.Path(path).read_bytes()))


def checksummed_format(backend: str, **steps: Any) -> Format:
    """Return the format; ``steps`` are the fields of `Checksummed` to replace."""
    functions = Checksummed(backend, **steps)
    return Format(name=f"checksummed-{backend}", backend=backend, save=functions.save, load=functions.load, accepts="dict")


def format_with(backend: str, save: Callable[..., Any], load: Callable[..., Any] | None = None, **fields: Any) -> Format:
    """Return a format with another save function and, if given, another load function."""
    return Format(name="planted", backend=backend, save=save, load=load or Checksummed(backend).load, accepts="dict", **fields)


def with_writer(write: Callable[[pathlib.Path, bytes], Any]) -> MakeFormat:
    """Replace the function that writes the bytes."""
    return lambda backend: checksummed_format(backend, write=write)


def after_save(action: Callable[[pathlib.Path], Any]) -> MakeFormat:
    """Call ``action(path)`` after each save."""

    def write(path: pathlib.Path, data: bytes) -> None:
        write_atomically(path, data)
        action(path)

    return with_writer(write)


def before_load(action: Callable[[pathlib.Path], Any]) -> MakeFormat:
    """Call ``action(path)`` before each load."""

    def make(backend: str) -> Format:
        functions = Checksummed(backend)

        def load(path: pathlib.Path) -> Any:
            action(path)
            return functions.load(path)

        return format_with(backend, functions.save, load)

    return make
