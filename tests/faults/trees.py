"""Faults for the families `container` and `keys`: a container, a plain value or a key changes."""

from __future__ import annotations

import collections
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt.specs import Pair, Record
from pytest_ckpt.specs.keys import KEYS

from .faulty_reference import Change, Fault


def _over_nodes(matches: Callable[[Any], bool], change: Change) -> Change:
    """Return a function that changes the matching nodes of a tree, from the leaves up."""

    def walk(node: Any) -> Any:
        if isinstance(node, Pair):
            node = Pair(walk(node.first), walk(node.second))
        elif isinstance(node, Record):
            node = Record(walk(node.first), walk(node.second))
        elif isinstance(node, dict):
            node = type(node)((key, walk(value)) for key, value in node.items())
        elif isinstance(node, list | tuple):
            node = type(node)(map(walk, node))
        return change(node) if matches(node) else node

    return walk


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda node: type(node) in kinds


def _drop_below_depth_50(node: Any, depth: int = 0) -> Any:
    if depth > 50:
        return None
    return {key: _drop_below_depth_50(value, depth + 1) for key, value in node.items()} if isinstance(node, dict) else node


def _drop_nested_containers(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: value for key, value in node.items() if not isinstance(value, dict | list | tuple)}
    return type(node)(value for value in node if not isinstance(value, dict | list | tuple)) if type(node) in (list, tuple) else node


_CONTAINERS: dict[str, Change] = {
    "list": _over_nodes(_is(list), tuple),
    "tuple": _over_nodes(_is(tuple), list),
    "dict": _over_nodes(_is(dict), collections.OrderedDict),
    "nested": _drop_nested_containers,
    "deep": _drop_below_depth_50,
    "empty-list": _over_nodes(lambda node: node == [] and type(node) is list, lambda _: None),
    "empty-tuple": _over_nodes(lambda node: type(node) is tuple and not node, lambda _: None),
    "empty-dict": _over_nodes(lambda node: type(node) is dict and not node, lambda _: None),
    "none": _over_nodes(lambda node: node is None, lambda _: 0),
    "namedtuple": _over_nodes(_is(Pair), tuple),
    "dataclass": _over_nodes(_is(Record), lambda node: {"first": node.first, "second": node.second}),
    "ordered-dict": _over_nodes(_is(collections.OrderedDict), dict),
    "bool": _over_nodes(_is(bool), int),
    "int": _over_nodes(_is(int), float),
    "float": _over_nodes(_is(float), lambda value: float(np.float32(value))),
    "str": _over_nodes(_is(str), str.encode),
    "bytes": _over_nodes(_is(bytes), lambda value: value.rstrip(b"\0")),
    "big-int": _over_nodes(lambda node: type(node) is int and abs(node) >= 1 << 63, float),
    "numpy-scalar": _over_nodes(lambda node: isinstance(node, np.generic), lambda value: value.item()),
}


def container_fault(case: str, backend: str) -> Fault:
    """Replace the container or plain value of the case by one of another type."""
    return Fault(on_load=_CONTAINERS[case])


def _renames(rename: Callable[[Any], Any]) -> Change:
    """Return a function that renames the keys of dicts, and drops those renamed to None."""

    def change(node: dict[Any, Any]) -> dict[Any, Any]:
        return {rename(key): value for key, value in node.items() if rename(key) is not None}

    return _over_nodes(_is(dict), change)


def _drop_dotted_children(node: dict[Any, Any]) -> dict[Any, Any]:
    """Drop the keys that begin with another key, as unflattening of dotted names would."""
    return {key: value for key, value in node.items() if not (isinstance(key, str) and key[:1] == "a" and key != "a" and "a" in node)}


def _drop_below_second_level(node: Any, depth: int = 0) -> Any:
    if not isinstance(node, dict):
        return node
    return {key: _drop_below_second_level(value, depth + 1) for key, value in node.items() if depth < 2}


_KEYS: dict[str, Change] = {
    "nested": _drop_below_second_level,
    "order": _over_nodes(_is(dict), lambda node: dict(sorted(node.items(), key=str))),
    "unicode": _renames(lambda key: unicodedata.normalize("NFC", key)),
    "dot": _renames(lambda key: key.replace(".", "_")),
    "slash": _renames(lambda key: key.strip("/")),
    "nul": _renames(lambda key: key.split("\0")[0]),
    "prefix": _over_nodes(_is(dict), _drop_dotted_children),
    "int": _renames(str),
    "digit-string": _renames(lambda key: int(key) if key.isdigit() else key),
    "empty": _renames(lambda key: key or None),
    "long": _renames(lambda key: key[:255]),
    "dunder": _renames(lambda key: None if key in KEYS["dunder"] else key),
    "api-names": _renames(lambda key: None if key == "like" else key),
    "dots": _renames(lambda key: key.removeprefix("../")),
    "case": _renames(str.lower),
}


def keys_fault(case: str, backend: str) -> Fault:
    """Change or drop the keys of the case."""
    return Fault(on_load=_KEYS[case])
