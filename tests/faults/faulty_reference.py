"""The reference format with a fault that changes a tree on the way to the disk or back."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend
from pytest_ckpt.compare.elements import pattern_of
from pytest_ckpt.compare.tensors import read
from pytest_ckpt.specs import DTYPES, Fill, Pair, Record, TensorSpec

from .reference import Reference

Change = Callable[[Any], Any]


@dataclasses.dataclass
class Fault:
    """Changes to a tree before it is saved and after it is loaded, and bytes to add to the disk."""

    on_save: Change = lambda tree: tree
    on_load: Change = lambda tree: tree
    extra_bytes: int = 0


#: Makes a fault for a case and a backend.
MakeFault = Callable[[str, str], Fault]


def faulty_format(backend: str, fault: Fault) -> Format:
    """Return the reference format with a fault."""
    reference = Reference(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        reference.save(fault.on_save(tree), path)
        if fault.extra_bytes:
            path.with_name(path.name + ".extra").write_bytes(b"x" * fault.extra_bytes)

    return Format(name="planted", backend=backend, save=save, load=lambda path: fault.on_load(reference.load(path)))


def over_tensors(backend: str, change: Change) -> Change:
    """Return a function that changes every tensor of a tree and keeps its containers."""
    owns = get_backend(backend).owns

    def walk(node: Any) -> Any:
        if owns(node):
            return change(node)
        if isinstance(node, Pair):
            return Pair(walk(node.first), walk(node.second))
        if isinstance(node, Record):
            return Record(walk(node.first), walk(node.second))
        if isinstance(node, dict):
            return type(node)((key, walk(value)) for key, value in node.items())
        return type(node)(map(walk, node)) if isinstance(node, list | tuple) else node

    return walk


def build_tensor(backend: str, dtype: str, shape: tuple[int, ...], patterns: list[int]) -> Any:
    """Return a plain tensor with these bit patterns; an empty list gives zeros."""
    fill = Fill(specials=tuple((place, pattern) for place, pattern in enumerate(patterns) if pattern))
    return get_backend(backend).build(TensorSpec(dtype, shape, fill=fill))


def patterns_in(tensor: Any) -> list[int]:
    """Return the bit patterns of a tensor, in C order."""
    reading = read(tensor)
    assert reading is not None
    row = DTYPES.get(reading.dtype)
    words = reading.words.reshape(-1, row.words if row else 1)
    return [pattern_of(element, row) for element in words]
