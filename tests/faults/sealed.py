"""A format that keeps its promises when things go wrong: plain data behind a checksum, written beside, synced, renamed, synced.

Nothing in it can run code. Each step can be left out or done wrong by a function of its own: that is a planted fault.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend
from pytest_ckpt.compare import read
from pytest_ckpt.specs import DTYPES, Fill, TensorSpec
from pytest_ckpt.words import pattern_of

MAGIC = b"sealed 1\n"


def encode(backend: str, tree: dict[str, Any]) -> bytes:
    """The bytes of a flat dict of tensors: a checksum, a header as JSON, and the elements as they stand in memory."""
    header, blocks = [], []
    for name, tensor in tree.items():
        reading = read(tensor)
        if reading is None or reading.words is None:
            raise TypeError(f"{name!r} is no tensor of {backend}")
        block = np.ascontiguousarray(reading.words).tobytes()
        header.append({"name": name, "dtype": reading.dtype, "shape": reading.shape, "bytes": len(block)})
        blocks.append(block)
    text = json.dumps(header).encode()
    return seal(len(text).to_bytes(8, "little") + text + b"".join(blocks))


def seal(body: bytes) -> bytes:
    return MAGIC + hashlib.sha256(body).digest() + body


def unseal(data: bytes) -> bytes:
    body = data[len(MAGIC) + 32 :]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) : len(MAGIC) + 32]:
        raise ValueError("not a sealed file, or a damaged one")
    return body


def decode(backend: str, body: bytes) -> dict[str, Any]:
    """The tensors of a body. Raises ValueError where the header does not say just what is there."""
    size = int.from_bytes(body[:8], "little")
    header, at, tree = json.loads(body[8 : 8 + size]), 8 + size, {}
    for entry in header:
        row, shape = DTYPES[entry["dtype"]], tuple(entry["shape"])
        block = body[at : at + entry["bytes"]]
        elements = np.frombuffer(block, f"<u{row.word // 8}").reshape(-1, row.words)
        if len(block) != entry["bytes"] or len(elements) != TensorSpec(entry["dtype"], shape).size:
            raise ValueError("the file ends too early")
        specials = tuple((place, pattern) for place, words in enumerate(elements) if (pattern := pattern_of(words, row)))
        tree[entry["name"]] = get_backend(backend).build(TensorSpec(entry["dtype"], shape, fill=Fill(specials=specials)))
        at += entry["bytes"]
    if at != len(body):
        raise ValueError("the file is longer than its header says")
    return tree


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
    unsealed: Callable[[bytes], bytes] = unseal

    def save(self, tree: Any, path: pathlib.Path) -> None:
        self.write(pathlib.Path(path), encode(self.backend, tree))

    def load(self, path: pathlib.Path) -> Any:
        return decode(self.backend, self.unsealed(pathlib.Path(path).read_bytes()))


def sealed_format(backend: str, **steps: Any) -> Format:
    sealed = Sealed(backend, **steps)
    return Format(name=f"sealed-{backend}", backend=backend, save=sealed.save, load=sealed.load, accepts="dict")
