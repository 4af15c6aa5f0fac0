"""Paths of the nodes of a tree: their text, and a list of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..backends import models_of, static_fields
from .objects import Path as Path
from .objects import contents
from .objects import path_text as path_text
from .tensors import is_leaf

#: Types of nodes that are not models. Testing for a model is slow.
NO_MODELS = frozenset({dict, list, tuple, int, float, str, bool, bytes, complex, type(None)})


def paths_in(tree: Any) -> Iterator[str]:
    """Yield the path of every node of a tree, and of every tensor of the models in it."""
    for path, node in _nodes(tree):
        yield path_text(path)
        models = None if type(node) in NO_MODELS or is_leaf(node) else models_of(node)
        if models is not None:
            yield from (path_text((path, f"[{name!r}]")) for name in {**models.read(node).tensors, **models.modules(node)})


def static_paths(tree: Any) -> tuple[str, ...]:
    """Return the paths of the fields that loaders take from the template."""
    return tuple(
        path_text((path, f".{name}"))
        for path, node in _nodes(tree)
        if type(node) not in NO_MODELS and not is_leaf(node)
        for name in static_fields(node)
    )


def is_below(path: str, places: Iterable[str]) -> bool:
    """Return whether a path is one of ``places``, or below one."""
    return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)


def _nodes(tree: Any) -> Iterator[tuple[Path, Any]]:
    todo: list[tuple[Path, Any]] = [(None, tree)]
    visited: dict[int, Any] = {}
    while todo:
        path, node = todo.pop()
        yield path, node
        if is_leaf(node) or id(node) in visited or (type(node) not in NO_MODELS and models_of(node) is not None):
            continue
        if (held := contents(node)) is not None:
            visited[id(node)] = node
            todo += reversed([((path, held.step(key)), child) for key, child in (*held.items.items(), *held.extras.items())])
