"""List the children of a container or of any other object, and compare keys.

Knows nothing about tensors: a function that is passed in recognizes them.
"""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import reprlib
import struct
import types
from collections.abc import Callable, Iterator
from typing import Any

MISSING = object()

#: Types whose instances have no children. They include everything that pickle stores by name:
#: classes, functions, modules.
LEAVES = frozenset(
    {
        type(None), bool, int, float, complex, str, bytes, bytearray, memoryview, range, type(...), type(NotImplemented), set, frozenset,
        type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, types.WrapperDescriptorType,
        types.MethodDescriptorType, types.MethodWrapperType, types.GetSetDescriptorType,
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Attribute:
    """A key that represents an attribute. It cannot be equal to a key of the user."""

    name: str


@dataclasses.dataclass(slots=True)
class Contents:
    """The children of one node.

    ``kind`` is "mapping", "sequence", "fields" (named tuples and dataclasses) or "object".
    ``items`` are the children by key, index or name. ``extras`` are additional attributes that only
    this type of container has, such as a ``default_factory``.
    """

    kind: str
    items: dict[Any, Any]
    extras: dict[Attribute, Any] = dataclasses.field(default_factory=dict)

    def step(self, key: Any) -> str:
        """Return one step of a path as Python code."""
        if isinstance(key, Attribute):
            return f".{key.name}"
        return f".{key}" if self.kind in ("fields", "object") and isinstance(key, str) else f"[{shown(key)}]"

    def label(self, key: Any) -> str:
        """Return a key as a noun for a message."""
        if isinstance(key, Attribute):
            return f"attribute {key.name!r}"
        if self.kind in ("fields", "object") and isinstance(key, str):
            return f"attribute {key!r}"
        return f"item {key}" if self.kind == "sequence" else shown(key)


def contents(node: Any) -> Contents | None:
    """Return the children of a node, or None for a leaf."""
    kind = type(node)
    if kind in LEAVES or isinstance(node, type | set | frozenset):
        return None
    if kind is dict:
        return Contents("mapping", node)
    if kind is list or kind is tuple:
        return Contents("sequence", dict(enumerate(node)))
    if isinstance(node, collections.abc.Mapping):
        return Contents("mapping", dict(node), _extras(node, dict, ("default_factory",)))
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return Contents("fields", dict(zip(node._fields, node, strict=True)), _extras(node, tuple))
    if isinstance(node, list | tuple | collections.deque):
        return Contents("sequence", dict(enumerate(node)), _extras(node, (list, tuple, collections.deque), ("maxlen",)))
    if dataclasses.is_dataclass(node):
        names = [field.name for field in dataclasses.fields(node)]
        fields = {name: getattr(node, name) for name in names if hasattr(node, name)}
        own = {name: value for name, value in getattr(node, "__dict__", {}).items() if name not in fields}
        return Contents("fields", fields, _attributes(own))
    return _state(node)


def _attributes(values: dict[str, Any]) -> dict[Attribute, Any]:
    return {Attribute(name): value for name, value in values.items()}


def _extras(node: Any, builtin: Any, names: tuple[str, ...] = ()) -> dict[Attribute, Any]:
    """Return the attributes of an instance of a subclass of a builtin container, in addition to its
    items.
    """
    if not isinstance(node, builtin):
        return {}
    own = {name: getattr(node, name) for name in names if hasattr(node, name)}
    return _attributes({**own, **getattr(node, "__dict__", {})})


def _state(node: Any) -> Contents:
    """Return the state of an object that pickle would write, or its attributes if it cannot be
    pickled.
    """
    try:
        reduced = node.__reduce_ex__(4)
    except Exception:  # locks, files and generators cannot be pickled, and an object may raise anything here
        return Contents("object", dict(getattr(node, "__dict__", {})))
    if isinstance(reduced, str):
        return Contents("object", {}, {Attribute("name"): reduced})
    _, arguments, state, listed, paired = (*reduced, None, None, None, None)[:5]
    found = Contents("object", {}, {Attribute(f"arguments[{place}]"): value for place, value in enumerate(arguments)})
    parts = state if isinstance(state, tuple) and len(state) == 2 and all(isinstance(part, dict | None) for part in state) else (state,)
    for part in parts:
        if isinstance(part, dict) and all(isinstance(name, str) for name in part):
            found.items.update(part)
        elif part is not None:
            found.extras[Attribute("state")] = part
    for name, more in (("listed", listed), ("paired", paired)):
        if more is not None:
            found.extras[Attribute(name)] = list(more)
    return found


def nodes_in(tree: Any, is_leaf: Callable[[Any], bool]) -> Iterator[tuple[Any, Contents | None]]:
    """Yield every node of a tree, in order, with its children (None for a leaf).

    Containers and objects are yielded once, and leaves once for each occurrence. ``is_leaf``
    returns True for nodes whose inside is not a tree, such as tensors.
    """
    todo = [tree]
    visited: dict[int, Any] = {}
    while todo:
        node = todo.pop()
        found = None if is_leaf(node) else contents(node)
        if found is None:
            yield node, None
        elif id(node) not in visited:
            visited[id(node)] = node
            yield node, found
            todo.extend(reversed([*found.items.values(), *found.extras.values()]))


def token(key: Any) -> Any:
    """Return a hashable value that is equal for two keys, or two elements of a set, only if they
    are indistinguishable.

    Python's == is not enough: True equals 1. Objects without an __eq__ are equal to all others of
    their type.
    """
    if isinstance(key, float):
        return (type(key), struct.pack("<d", key))
    if isinstance(key, complex):
        return (type(key), struct.pack("<dd", key.real, key.imag))
    if type(key) is tuple:
        return (tuple, tuple(map(token, key)))
    if type(key) is frozenset:
        return (frozenset, frozenset(collections.Counter(map(token, key)).items()))
    own_equality: Any = type(key).__eq__
    return (type(key), None if own_equality is object.__eq__ else key)


def matched(expected: dict[Any, Any], actual: dict[Any, Any]) -> dict[Any, Any]:
    """Return, for each key of ``expected``, the matching key of ``actual``, or `MISSING`.

    A matching key is the same key, or one that Python considers equal (True for 1).
    """
    stored = {key: key for key in actual}
    found = {key: stored.get(key, MISSING) for key in expected}
    lost = [key for key, other in found.items() if other is MISSING]
    if lost and len(actual) > len(found) - len(lost):
        taken = set(map(id, found.values()))
        spare: dict[Any, list[Any]] = {}
        for key in actual:
            if id(key) not in taken:
                spare.setdefault(token(key), []).append(key)
        for key in lost:
            if others := spare.get(token(key)):
                found[key] = others.pop(0)
    return found


def same_key(first: Any, second: Any) -> bool:
    """Return whether two keys that Python considers equal are indistinguishable."""
    if type(first) is str or type(first) is int or isinstance(first, Attribute):
        return type(first) is type(second)
    return bool(token(first) == token(second))


#: Shortens long containers before it writes them, which is faster than shortening the text.
_CONTAINERS = reprlib.Repr()
_CONTAINERS.maxlist = _CONTAINERS.maxtuple = _CONTAINERS.maxdict = _CONTAINERS.maxset = 50
_CONTAINERS.maxstring = _CONTAINERS.maxother = _CONTAINERS.maxlong = 200


def type_name(value: Any) -> str:
    """Return the qualified name of the type of a value, without "builtins"."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def shown(value: Any, limit: int = 80) -> str:
    """Return the repr of a value, shortened to ``limit`` characters. This never raises."""
    try:
        text = _CONTAINERS.repr(value) if isinstance(value, list | tuple | dict | set | frozenset) else repr(value)
    except Exception:  # a third-party __repr__ may raise anything, and a deep tree raises RecursionError
        return f"<{type_name(value)}, whose repr raises>"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
