"""Find, read and copy the tensors in a tree, with the backend that owns each."""

from __future__ import annotations

import collections
import copy
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends import get_backend, owner_of
from ..backends.base import Reading
from .objects import Path, nodes_in, path_text, places_in


def read(leaf: Any) -> Reading | None:
    """Return everything that can be compared about a tensor, or None if ``leaf`` is not a tensor."""
    backend = owner_of(leaf)
    return None if backend is None else backend.read(leaf)


def read_any(leaf: Any) -> Reading | None:
    """Return the same as `read`, also for a NumPy scalar."""
    return get_backend("numpy").read(leaf) if isinstance(leaf, np.generic) else read(leaf)


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


def same_object(loaded: Any, saved: Any, allowed: frozenset[Any] = frozenset()) -> bool:
    """Return whether two trees share a tensor, a mutable container or an object with state, other
    than those that are ``allowed``.

    A loaded tree that shares one with the saved tree proves nothing about the file.
    """
    return bool(shared_objects(loaded, saved) - allowed)


def shared_objects(first: Any, second: Any) -> frozenset[Any]:
    """Return the identities of the tensors, mutable containers and objects with state that two
    trees share.

    Objects without state (the members of an enum, for example) and functions do not count: they are
    shared intentionally.
    """
    return frozenset(identity for _, _, identity in _shared(first, second))


def shared_place(loaded: Any, saved: Any) -> str | None:
    """Return the path, in the loaded tree, of something that it shares with the saved tree, or None.

    The path is empty if both are the same object.
    """
    shared = _shared(loaded, saved)
    if any(not path for path, _, _ in shared):
        return ""
    # A tensor says more than the container that holds it.
    best = [path for path, node, _ in shared if is_leaf(node)] or [path for path, _, _ in shared]
    return path_text(best[0]) if best else None


def _shared(first: Any, second: Any) -> list[tuple[Path, Any, Any]]:
    """Return the path, the node and the identity of everything in the first tree that it shares with the second."""
    # Kept alive until both trees are processed: pickling creates objects whose identity could be
    # reused otherwise.
    alive: list[Any] = []

    def identities(tree: Any) -> Iterator[tuple[Path, Any, Any]]:
        for path, node, held in places_in(tree, lambda node: is_leaf(node) or _is_function(node)):
            alive.append(node)
            if isinstance(node, functools.partial):
                for tensor in tensors_in([node.args, *node.keywords.values()]):
                    yield path, tensor, id(tensor)
                    yield path, tensor, _address(tensor)
            elif held is None and owner_of(node) is not None:
                yield path, node, id(node)
                yield path, node, _address(node)
            elif isinstance(node, dict | list | set | bytearray | collections.deque) or (held and held.kind == "object" and held.items):
                yield path, node, id(node)

    own = {identity for _, _, identity in identities(second)} - {None}
    return [each for each in identities(first) if each[2] in own]


def _is_function(node: Any) -> bool:
    """Return whether an object stands for a function, such as one that is compiled or partly
    applied.
    """
    return callable(node) and (isinstance(node, functools.partial) or hasattr(node, "__name__") or hasattr(node, "__wrapped__"))


def _address(tensor: Any) -> tuple[str, int] | None:
    reading = read(tensor)
    if reading is None or reading.memory is None or 0 in reading.shape:
        return None
    return ("memory", reading.memory.address)
