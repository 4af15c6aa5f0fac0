"""What a Python object holds: the children of a container or of any other object, and when two keys are the same.

Knows nothing of tensors but that somebody else reads them; compares nothing but keys.
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

#: Types whose instances have no children. What is called by its name (classes, functions, modules) is among them.
LEAVES = frozenset(
    {
        type(None), bool, int, float, complex, str, bytes, bytearray, memoryview, range, type(...), type(NotImplemented), set, frozenset,
        type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, types.WrapperDescriptorType,
        types.MethodDescriptorType, types.MethodWrapperType, types.GetSetDescriptorType,
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Attribute:
    """A key that stands for an attribute, so that none of the user's own keys can be taken for it."""

    name: str


@dataclasses.dataclass(slots=True)
class Contents:
    """The children of one node.

    ``kind`` is "mapping", "sequence", "fields" (named tuples and dataclasses) or "object". ``items`` holds the children by key,
    index or name; ``extras`` what a node holds beside them, such as a ``default_factory``, which other containers have not.
    """

    kind: str
    items: dict[Any, Any]
    extras: dict[Attribute, Any] = dataclasses.field(default_factory=dict)

    def step(self, key: Any) -> str:
        """One step of a path, as Python would write it."""
        if isinstance(key, Attribute):
            return f".{key.name}"
        return f".{key}" if self.kind in ("fields", "object") and isinstance(key, str) else f"[{shown(key)}]"


def contents(node: Any) -> Contents | None:
    """What ``node`` holds; None for a leaf."""
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
    """What an instance of a subclass of a builtin container holds beside the items, which its base keeps out of sight."""
    if not isinstance(node, builtin):
        return {}
    own = {name: getattr(node, name) for name in names if hasattr(node, name)}
    return _attributes({**own, **getattr(node, "__dict__", {})})


def _state(node: Any) -> Contents:
    """What pickle would write of an object; its attributes where pickle would not; nothing where none can be seen."""
    try:
        reduced = node.__reduce_ex__(4)
    except Exception:  # locks, files, generators, and whatever else an object may raise here
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
    """Every node of a tree, in order, with what it holds: containers and objects once, leaves each time they are met.

    ``is_leaf`` says of which nodes the inside is no tree.
    """
    todo = [tree]
    met: dict[int, Any] = {}
    while todo:
        node = todo.pop()
        found = None if is_leaf(node) else contents(node)
        if found is None:
            yield node, None
        elif id(node) not in met:
            met[id(node)] = node
            yield node, found
            todo.extend(reversed([*found.items.values(), *found.extras.values()]))


def token(key: Any) -> Any:
    """A hashable stand-in that is equal for two keys, or two elements of a set, only if nobody can tell them apart.

    Objects that are equal to themselves alone cannot be told from others of their type.
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
    """For each key of ``expected`` the key of ``actual`` that stands in its place: the same, or one that Python takes for
    equal (True for 1); or `MISSING`."""
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
    """Whether two keys that Python takes for equal cannot be told apart either."""
    if type(first) is str or type(first) is int or isinstance(first, Attribute):
        return type(first) is type(second)
    return bool(token(first) == token(second))


#: Long containers are cut before they are written, not after.
_CONTAINERS = reprlib.Repr()
_CONTAINERS.maxlist = _CONTAINERS.maxtuple = _CONTAINERS.maxdict = _CONTAINERS.maxset = 50
_CONTAINERS.maxstring = _CONTAINERS.maxother = _CONTAINERS.maxlong = 200


def type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def shown(value: Any, limit: int = 80) -> str:
    """The value as Python writes it, shortened; whatever it is, showing it does not fail."""
    try:
        text = _CONTAINERS.repr(value) if isinstance(value, list | tuple | dict | set | frozenset) else repr(value)
    except Exception:  # a foreign __repr__ may raise anything, and so does one that is too deep
        return f"<{type_name(value)} that cannot be shown>"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
