"""Operations on specs: go through them, measure them, and change their leaves.

Only these functions and the builder of trees go through specs of trees.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

from .base import Spec
from .dtypes import DTYPES
from .layouts import LAYOUTS
from .models import layers_in
from .scenarios import Scenario
from .tensors import Fill, TensorSpec
from .trees import DataclassSpec, Deep, DictSpec, ListSpec, NamedTupleSpec, PlainSpec, ScalarSpec, Tree, TupleSpec, Wide


def walk(spec: Spec) -> Iterator[Spec]:
    """Yield ``spec`` and every spec in it, parents first. `Deep` and `Wide` are not expanded."""
    todo = [spec]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, Tree):
            todo.extend(reversed(node.children()))
        elif isinstance(node, Scenario):
            todo.append(node.saved)


def tensor_specs_in(spec: Spec) -> tuple[TensorSpec, ...]:
    """Return the specs of the tensors in ``spec``, in order, without references to earlier tensors."""
    return tuple(node for node in walk(spec) if isinstance(node, TensorSpec))


def payload_of(spec: Spec) -> int:
    """Return the number of bytes of the values of all distinct tensors in ``spec``."""
    total = 0
    for node in walk(spec):
        if isinstance(node, TensorSpec):
            total += node.payload
        elif isinstance(node, Wide) and isinstance(node.leaf, TensorSpec):
            total += node.leaf.payload * (node.count - 1)
    return total


def effort(spec: Spec) -> tuple[int, int, int]:
    """Return the size of a counterexample: its elements, then its nodes, then the length of its text. The smallest is reported.

    A tensor without elements counts as one element: an empty shape is a special case, not a simple one.
    """
    elements = nodes = 0
    for node in walk(spec):
        nodes += 1
        if isinstance(node, TensorSpec):
            elements += max(1, node.size)
        elif isinstance(node, Deep | Wide):
            nodes += node.count
    nodes += sum(1 + max(layer.size, layer.depth) for layer in layers_in(spec))
    return elements, nodes, len(repr(spec))


def mapped(spec: Any, change: Callable[[Any], Any]) -> Any:
    """Return the same structure with ``change`` applied to each leaf."""
    if isinstance(spec, ListSpec | TupleSpec):
        return type(spec)(tuple(mapped(item, change) for item in spec.items))
    if isinstance(spec, DictSpec):
        return DictSpec(tuple((key, mapped(item, change)) for key, item in spec.items), spec.ordered)
    if isinstance(spec, NamedTupleSpec | DataclassSpec):
        return type(spec)(mapped(spec.first, change), mapped(spec.second, change))
    if isinstance(spec, Deep | Wide):
        return dataclasses.replace(spec, leaf=mapped(spec.leaf, change))
    return change(spec)


def other_values(spec: Any, attempt: int = 1) -> Any:
    """Return the same structure with other values, in writable memory: the spec of a template.

    Each ``attempt`` gives other values.
    """

    def other(leaf: Any) -> Any:
        if isinstance(leaf, TensorSpec):
            layout = leaf.layout if LAYOUTS[leaf.layout].writable else "c"
            return dataclasses.replace(leaf, layout=layout, fill=Fill(seed=(leaf.fill.seed + 7919 * attempt) % (1 << 64)))
        if isinstance(leaf, PlainSpec):
            return PlainSpec(_other_plain(leaf.value))
        if isinstance(leaf, ScalarSpec):
            is_bool = DTYPES[leaf.dtype].kind == "bool"
            return ScalarSpec(leaf.dtype, 1 - leaf.pattern if is_bool else leaf.pattern ^ 1)
        return leaf

    return mapped(spec, other)


def in_c_order(spec: Any) -> Any:
    """Return the same tree with all tensors contiguous and in C order."""
    return mapped(spec, lambda leaf: dataclasses.replace(leaf, layout="c") if isinstance(leaf, TensorSpec) else leaf)


def _other_plain(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 1.0 if math.isfinite(value) and value + 1.0 != value else 1.0
    return value + ("x" if isinstance(value, str) else b"x")
