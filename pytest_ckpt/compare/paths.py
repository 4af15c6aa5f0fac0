"""Paths of the nodes of a tree: their text, and a list of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backends import models_of
from .objects import contents
from .tensors import is_leaf

#: A path as a linked list (the parent's path, and one step as text), so that deep trees need no
#: long texts.
Path = tuple[Any, str] | None
#: Types of nodes that are not models. Testing for a model is slow.
NO_MODELS = frozenset({dict, list, tuple, int, float, str, bool, bytes, complex, type(None)})


def path_text(path: Path) -> str:
    """Return a path as Python code."""
    steps = []
    while path is not None:
        path, step = path[0], path[1]
        steps.append(step)
    if len(steps) > 40:
        steps[20:-20] = [f"…({len(steps) - 40} more)…"]
    return "".join(reversed(steps))


def paths_in(tree: Any) -> Iterator[str]:
    """Yield the path of every node of a tree, and of every tensor of the models in it."""
    todo: list[tuple[Path, Any]] = [(None, tree)]
    visited: dict[int, Any] = {}
    while todo:
        path, node = todo.pop()
        yield path_text(path)
        if is_leaf(node) or id(node) in visited:
            continue
        models = None if type(node) in NO_MODELS else models_of(node)
        if models is not None:
            yield from (path_text((path, f"[{name!r}]")) for name in {**models.read(node).tensors, **models.modules(node)})
        elif (held := contents(node)) is not None:
            visited[id(node)] = node
            todo += reversed([((path, held.step(key)), child) for key, child in (*held.items.items(), *held.extras.items())])
