"""Describe the memory of a tensor by address, shape and strides, and compare such descriptions.

Knows addresses and numpy's array interface, but no framework.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .spec_values import word_type


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a tensor: address of the first element, shape, strides in bytes, bytes per
    element.
    """

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int


class _ArrayInterface:
    """An object with numpy's array interface, over memory that ``owner`` owns."""

    def __init__(self, owner: Any, interface: dict[str, Any]) -> None:
        self.owner = owner
        self.__array_interface__ = interface


def view_as_words(owner: Any, memory: Memory, bits: int, count: int = 1) -> Any:
    """Return a view of memory as unsigned words of ``bits`` bits, ``count`` words per element.

    The view keeps ``owner`` alive. With ``count > 1``, the result has one more axis, of that
    length.
    """
    shape, strides = memory.shape, memory.strides
    if count > 1:
        shape, strides = (*shape, count), (*strides, bits // 8)
    if 0 in shape:
        return np.empty(shape, word_type(bits))
    interface = {"data": (memory.address, True), "shape": shape, "strides": strides, "typestr": f"<u{bits // 8}", "version": 3}
    return np.asarray(_ArrayInterface(owner, interface))


def overlap(first: Memory, second: Memory) -> bool:
    """Return whether two tensors share memory.

    The answer is exact, unless that would take too long. Then it is True, since the bounds overlap.
    """
    arrays = [
        np.asarray(
            _ArrayInterface(
                None,
                {"data": (m.address, True), "shape": m.shape, "strides": m.strides, "typestr": f"|V{m.itemsize}", "version": 3},
            )
        )
        for m in (first, second)
    ]
    try:
        return bool(np.shares_memory(arrays[0], arrays[1], max_work=10_000))  # type: ignore[arg-type]
    except RuntimeError:  # numpy's TooHardError; its module depends on the version of numpy
        return True


def bounds(memory: Memory) -> tuple[int, int]:
    """Return the first address and the address after the last; they are equal for an empty tensor."""
    if 0 in memory.shape:
        return memory.address, memory.address
    low = high = memory.address
    for length, stride in zip(memory.shape, memory.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + memory.itemsize
