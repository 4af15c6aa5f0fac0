"""NumPy: lossless serialization of arrays, and faults in features that only arrays have."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_ckpt.backends.memory import Memory
from pytest_ckpt.backends.numpy.tensors import TaggedArray

from .shared_memory import copy_memory_blocks


def serialize(tensors: list[Any]) -> Any:
    blocks, places = copy_memory_blocks([_memory(array) if _is_raw(array) else None for array in tensors])
    records = []
    for array, place in zip(tensors, places, strict=True):
        if place is None:
            records.append(("object", array))
            continue
        kind = TaggedArray if isinstance(array, TaggedArray) else np.ndarray
        attributes = dict(array.__dict__) if kind is TaggedArray else {}
        records.append(("raw", *place, array.shape, array.strides, array.dtype, kind, array.flags.writeable, attributes))
    return blocks, records


def deserialize(serialized: Any) -> list[Any]:
    blocks = [bytearray(block) for block in serialized[0]]
    tensors = []
    for record in serialized[1]:
        if record[0] == "object":
            tensors.append(record[1])
            continue
        _, block, offset, shape, strides, dtype, kind, writeable, attributes = record
        array = np.ndarray(shape, dtype, blocks[block], offset, strides).view(kind)
        array.flags.writeable = writeable
        if attributes:
            array.__dict__.update(attributes)
        tensors.append(array)
    return tensors


def _is_raw(array: Any) -> bool:
    return type(array) in (np.ndarray, np.memmap, TaggedArray) and array.size > 0 and not array.dtype.hasobject and array.dtype.kind != "T"


def _memory(array: Any) -> Memory:
    return Memory(array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.itemsize)


def copy_tensor(array: Any) -> Any:
    return array.copy()


def ignore_layout(layout: str, array: Any) -> Any:
    """Return what a writer that ignores this layout stores; other layouts are unchanged."""
    first = array.base if array.base is not None else array
    while first.base is not None and isinstance(first.base, np.ndarray):
        first = first.base
    if layout in ("transposed", "fortran", "channels-last"):
        return array.ravel(order="K").reshape(array.shape)
    if layout in ("sliced", "offset"):
        return first.ravel()[: array.size].reshape(array.shape).copy()
    if layout == "negative-stride":
        return array[..., ::-1].copy() if array.strides[-1] < 0 else array
    if layout == "broadcast":
        return np.concatenate([array[:1], np.zeros_like(array[1:])]) if array.strides[0] == 0 else array
    if layout == "byte-swapped":
        return array.view(array.dtype.newbyteorder("=")).copy()
    if layout == "read-only":
        return array if array.flags.writeable else np.zeros_like(array)
    if layout == "memory-mapped":
        return np.zeros(array.shape, array.dtype) if isinstance(array, np.memmap) else array
    raise KeyError(layout)


def drop_property(case: str, array: Any) -> Any:
    """Return the array without the property that a case of the family `tensor` tests."""
    if case == "class":
        return array.view(TaggedArray)
    if case == "subclass":
        return array.view(np.ndarray)
    if case == "metadata":
        return array.view(np.dtype(array.dtype.str)) if array.dtype.metadata else array
    if case == "masked":
        return np.asarray(array)
    if case == "strides":
        return np.ascontiguousarray(array) if array.ndim else array
    if case == "byte-order":
        return array.astype(array.dtype.newbyteorder("="))
    raise KeyError(case)
