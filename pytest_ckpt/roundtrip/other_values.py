"""Make a copy of a tree with other values, so that a loader that does nothing is noticed."""

from __future__ import annotations

import collections
import copy
import dataclasses
from typing import Any

from ..backends import owner_of
from ..compare.tensors import tensors_in
from ..compare.trees import differences
from ..specs import DTYPES, Fill, PlainSpec, TensorSpec, other_values
from ..specs.trees import PLAIN_TYPES

#: Aspects in which a template must differ from the saved object.
VALUES = ("values", "nan-payload")


def other_tree(obj: Any) -> Any:
    """Return a copy of a tree with other values in tensors, and in plain leaves of ordinary
    containers.

    Raises ValueError for an object that only the user can make.
    """
    try:
        fresh = copy.deepcopy(obj, {id(tensor): other_tensor(tensor) for tensor in tensors_in(obj)})
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"cannot make a template from an object of type {type(obj).__name__} ({error}); pass make=") from error
    return _other_plain_leaves(fresh, set())


def other_tensor(tensor: Any) -> Any:
    """Return a tensor of the same dtype and shape with other values.

    Raises ValueError if it cannot be built.
    """
    backend = owner_of(tensor)
    assert backend is not None
    reading = backend.read(tensor)
    if reading.dtype not in DTYPES or reading.parts is not None:
        raise ValueError(f"cannot make a template from a tensor of class {reading.kind} and dtype {reading.dtype}; pass make=")
    for attempt in range(1, 20):
        other = backend.build(TensorSpec(reading.dtype, reading.shape, fill=Fill(seed=7919 * attempt)))
        if any(each.aspect in VALUES for each in differences(other, tensor)):
            break
    return other


def _other_plain_leaves(node: Any, visited: set[int]) -> Any:
    """Return the node with other plain leaves. Mutable nodes are changed in place."""
    if type(node) in PLAIN_TYPES:
        return other_values(PlainSpec(node)).value
    if id(node) in visited or owner_of(node) is not None:
        return node
    visited.add(id(node))
    if isinstance(node, tuple):
        others = [_other_plain_leaves(item, visited) for item in node]
        return type(node)(*others) if hasattr(node, "_fields") else type(node)(others)
    if isinstance(node, dict | list | collections.deque):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            node[key] = _other_plain_leaves(node[key], visited)
    elif dataclasses.is_dataclass(node) and not isinstance(node, type):
        for field in dataclasses.fields(node):
            if hasattr(node, field.name):
                object.__setattr__(node, field.name, _other_plain_leaves(getattr(node, field.name), visited))
    return node
