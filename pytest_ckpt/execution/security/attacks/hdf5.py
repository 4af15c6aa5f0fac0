"""Make HDF5 files hostile with h5py, if that is installed."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Callable
from typing import Any


def available() -> bool:
    return importlib.util.find_spec("h5py") is not None


def _edited(data: bytes, edit: Callable[[Any, list[str]], None]) -> bytes:
    """Return the file after ``edit(file, names)`` changed it. ``names`` are those of its datasets."""
    import h5py

    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        edit(file, names)
    return memory.getvalue()


def datasets(data: bytes) -> list[str]:
    found: list[str] = []
    _edited(data, lambda file, names: found.extend(names))
    return found


def with_bytes(data: bytes, content: bytes) -> bytes:
    """Return the file with the same bytes in all datasets, and in all attributes that are strings."""
    import numpy as np

    def edit(file: Any, names: list[str]) -> None:
        for name in names:
            del file[name]
            file[name] = np.void(content)
        holders = [file]
        file.visititems(lambda name, node: holders.append(node))
        for holder in holders:
            for key, value in list(holder.attrs.items()):
                if isinstance(value, str | bytes):
                    holder.attrs[key] = np.void(content)

    return _edited(data, edit)


def with_link(data: bytes, name: str, target: str) -> bytes:
    """Return the file with a link to the dataset of the same name in another file."""
    import h5py

    def edit(file: Any, names: list[str]) -> None:
        del file[name]
        file[name] = h5py.ExternalLink(target, name)

    return _edited(data, edit)


def with_storage(data: bytes, name: str, target: str) -> bytes:
    """Return the file with a dataset whose elements are in another file, as raw bytes."""

    def edit(file: Any, names: list[str]) -> None:
        old = file[name]
        shape, dtype, size = old.shape, old.dtype, old.size * old.dtype.itemsize
        del file[name]
        file.create_dataset(name, shape, dtype, external=[(os.fspath(target), 0, size)])

    return _edited(data, edit)


def values(data: bytes, name: str) -> bytes:
    """Return the elements of a dataset as raw bytes."""
    found: list[bytes] = []
    _edited(data, lambda file, names: found.append(file[name][()].tobytes()))
    return found[0]
