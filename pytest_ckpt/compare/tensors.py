"""Find, read and copy the tensors in a tree, with the backend that owns each."""

from __future__ import annotations

import collections
import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends import owner_of
from ..backends.base import Reading
from .objects import nodes_in


def read(leaf: Any) -> Reading | None:
    """Return everything that can be compared about a tensor, or None if ``leaf`` is not a tensor."""
    backend = owner_of(leaf)
    return None if backend is None else backend.read(leaf)


def is_leaf(node: Any) -> bool:
    """Return whether a node is a tensor or a NumPy scalar. Their inside is not a tree."""
    return isinstance(node, np.generic) or owner_of(node) is not None


def tensors_in(tree: Any) -> Iterator[Any]:
    """Yield every tensor in a tree, in order, including those inside objects.

    A tensor that occurs several times is yielded several times.
    """
    return (node for node, held in nodes_in(tree, is_leaf) if held is None and owner_of(node) is not None)


def copy_tree(tree: Any) -> Any:
    """Return a deep copy of a tree that shares only its immutable tensors, since not every
    framework can copy them.
    """
    immutable = {id(tensor): tensor for tensor in tensors_in(tree) if (it := read(tensor)) and it.memory is None and it.parts is None}
    return copy.deepcopy(tree, immutable)


def same_object(loaded: Any, saved: Any) -> bool:
    """Return whether two trees share a tensor, a mutable container or an object with state.

    A loaded tree that shares one with the saved tree proves nothing about the file. Objects without
    state, which libraries share intentionally (the members of an enum, for example), do not count.
    """
    # Kept alive until both trees are processed: pickling creates objects whose identity could be
    # reused otherwise.
    alive: list[Any] = []

    def identities(tree: Any) -> Iterator[Any]:
        for node, held in nodes_in(tree, is_leaf):
            alive.append(node)
            if held is None and owner_of(node) is not None:
                yield id(node)
                yield _address(node)
            elif isinstance(node, dict | list | set | bytearray | collections.deque) or (held and held.kind == "object" and held.items):
                yield id(node)

    own = set(identities(saved)) - {None}
    return any(identity in own for identity in identities(loaded))


def _address(tensor: Any) -> tuple[str, int] | None:
    reading = read(tensor)
    if reading is None or reading.memory is None or 0 in reading.shape:
        return None
    return ("memory", reading.memory.address)
