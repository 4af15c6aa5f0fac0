"""A format that keeps its promises when things go wrong: plain data behind a checksum, written beside, synced, renamed, synced.

Nothing in it can run code. Each step can be left out or done wrong by a function of its own: that is a planted fault.
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
from pytest_ckpt.compare.trees import read
from pytest_ckpt.specs import DTYPES, Fill, TensorSpec

MAGIC = b"sealed 1\n"


def encode(backend: str, tree: dict[str, Any]) -> bytes:
    """The bytes of a flat dict of tensors: a checksum, a header as JSON, and the elements as they stand in memory."""
    header, blocks = [], []
    for name, tensor in tree.items():
        reading = read(tensor)
        if reading is None or reading.words is None:
            raise TypeError(f"{name!r} is no tensor of {backend}")
        words = np.ascontiguousarray(reading.words)
        header.append({"name": name, "dtype": reading.dtype, "shape": reading.shape, "bytes": words.nbytes})
        blocks.append(memoryview(words.reshape(-1).view(np.uint8)))
    text = json.dumps(header).encode()
    return _sealed([len(text).to_bytes(8, "little"), text, *blocks])


def seal(body: bytes) -> bytes:
    return _sealed([body])


def _sealed(parts: list[Any]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return b"".join([MAGIC, digest.digest(), *parts])


def unseal(data: bytes) -> memoryview:
    body = memoryview(data)[len(MAGIC) + 32 :]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) : len(MAGIC) + 32]:
        raise ValueError("not a sealed file, or a damaged one")
    return body


def decode(backend: str, body: bytes | memoryview) -> dict[str, Any]:
    """The tensors of a body. Raises ValueError where the header does not say just what is there."""
    size = int.from_bytes(body[:8], "little")
    header, at, tree = json.loads(bytes(body[8 : 8 + size])), 8 + size, {}
    for entry in header:
        block = body[at : at + entry["bytes"]]
        if len(block) != entry["bytes"]:
            raise ValueError("the file ends too early")
        tree[entry["name"]] = tensor_of(backend, entry["dtype"], tuple(entry["shape"]), block)
        at += entry["bytes"]
    if at != len(body):
        raise ValueError("the file is longer than its header says")
    return tree


def tensor_of(backend: str, dtype: str, shape: tuple[int, ...], block: bytes | memoryview) -> Any:
    """The tensor with just these bytes as its elements. Raises ValueError where they are not so many."""
    if dtype == "float32":
        return _FROM_NUMPY[backend](np.frombuffer(block, dtype).reshape(shape))
    row = DTYPES[dtype]
    elements = np.frombuffer(block, f"<u{row.word // 8}").reshape(-1, row.words)
    if len(elements) != TensorSpec(dtype, shape).size:
        raise ValueError(f"{len(elements)} elements do not make the shape {shape}")
    specials = tuple((place, pattern) for place, words in enumerate(elements) if (pattern := pattern_of(words, row)))
    return get_backend(backend).build(TensorSpec(dtype, shape, fill=Fill(specials=specials)))


def _framework(name: str) -> Any:
    return importlib.import_module(name)


#: An array over bytes that are read once, as a tensor of each framework in memory of its own.
_FROM_NUMPY: dict[str, Callable[[Any], Any]] = {
    "numpy": lambda array: array.copy(),
    "torch": lambda array: _framework("torch").from_numpy(array.copy()),
    "tensorflow": lambda array: _framework("tensorflow").constant(array),
    "jax": lambda array: _framework("jax.numpy").asarray(array.copy()),
    "mxnet": lambda array: _framework("mxnet").np.array(array, dtype=array.dtype),
}


def write_safely(path: pathlib.Path, data: bytes) -> None:
    """The old file or the new one is there, whatever happens meanwhile; once this returns, the new one is."""
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
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclasses.dataclass(frozen=True)
class Sealed:
    """The functions of the format; ``write`` and ``unsealed`` are the steps that can be done wrong."""

    backend: str
    write: Callable[[pathlib.Path, bytes], Any] = write_safely
    unsealed: Callable[[bytes], bytes | memoryview] = unseal

    def save(self, tree: Any, path: pathlib.Path) -> None:
        self.write(pathlib.Path(path), encode(self.backend, tree))

    def load(self, path: pathlib.Path) -> Any:
        return decode(self.backend, self.unsealed(pathlib.Path(path).read_bytes()))


def sealed_format(backend: str, **steps: Any) -> Format:
    sealed = Sealed(backend, **steps)
    return Format(name=f"sealed-{backend}", backend=backend, save=sealed.save, load=sealed.load, accepts="dict")
