"""Match the keys of two containers, including keys that have an identity and no value.

The state of an optimizer, for example, has parameters for keys. Two such keys match if they are the
same object elsewhere in their trees, or else if they have the same place among the keys.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from ..backends import owner_of
from .objects import LEAVES, MISSING, Attribute, Contents, contents, matched
from .paths import Path
from .tensors import read

_VALUES = LEAVES | {Attribute, tuple}


def by_identity(key: Any) -> bool:
    """Return whether a key is equal only to itself: a tensor, or an object without an ``__eq__``."""
    kind = type(key)
    if kind in _VALUES or isinstance(key, type | np.generic | enum.Enum):
        return False
    own_equality: Any = kind.__eq__
    return own_equality is object.__eq__ or hasattr(key, "deref") or owner_of(key) is not None


def contents_or_tensors(node: Any) -> Contents | None:
    """Return the children of a node, or None for a leaf.

    A set of tensors counts as a mapping with the tensors as keys, in the order of their values.
    """
    if isinstance(node, set | frozenset) and any(owner_of(item) is not None for item in node):
        return Contents("set", dict.fromkeys(sorted(node, key=_order)))
    return contents(node)


def _order(item: Any) -> Any:
    reading = read(item)
    if reading is None:
        return (type(item).__qualname__, repr(item))
    return (reading.dtype, str((reading.shape, None if reading.words is None else reading.words.tobytes())))


def _target(key: Any) -> Any:
    """Return the object that a hashable reference to a tensor stands for, or the key itself."""
    return key.deref() if hasattr(type(key), "deref") else key


class Partners:
    """The pairs of tensors and objects that a comparison has seen, with the path of the first."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Any, Any, Path]] = {}

    def add(self, expected: Any, actual: Any, path: Path) -> None:
        """Remember a pair, unless ``expected`` has a partner already."""
        self._found.setdefault(id(expected), (expected, actual, path))

    def get(self, key: Any) -> Any:
        """Return the partner of a key, or `MISSING`."""
        key = _target(key)
        return self._found[id(key)][1] if id(key) in self._found else MISSING

    def path(self, key: Any) -> Path:
        """Return the path at which a key was seen elsewhere, or None."""
        key = _target(key)
        return self._found[id(key)][2] if id(key) in self._found else None


def matched_keys(expected: Contents, actual: Contents, partners: Partners, cast: bool = False, renamed: bool = False) -> dict[Any, Any]:
    """Return, for each key of ``expected``, the matching key of ``actual``, or `MISSING`.

    With ``cast``, the fields of a named tuple also match the items of a tuple. With ``cast`` or
    ``renamed``, keys with the same text match.
    """
    if any(map(by_identity, expected.items)):
        found = _by_partner(expected.items, actual.items, partners, expected.kind == "set")
    else:
        found = matched(expected.items, actual.items)
    if not (cast or renamed) or all(match is not MISSING for match in found.values()):
        return found
    if cast and {expected.kind, actual.kind} == {"fields", "sequence"} and len(expected.items) == len(actual.items):
        return dict(zip(expected.items, actual.items, strict=True))
    taken = set(map(id, found.values()))
    spare = {str(key): key for key in actual.items if id(key) not in taken and isinstance(key, str | int)}
    for key, match in found.items():
        if match is MISSING and isinstance(key, str | int):
            found[key] = spare.pop(str(key), MISSING)
    return found


def _by_partner(expected: dict[Any, Any], actual: dict[Any, Any], partners: Partners, is_set: bool) -> dict[Any, Any]:
    """Match keys with an identity by their partners, or else in order; match other keys by value."""
    theirs = {id(_target(key)): key for key in actual if by_identity(key)}
    found = matched({key: None for key in expected if not by_identity(key)}, {key: None for key in actual if not by_identity(key)})
    unknown = []
    for key in expected:
        if by_identity(key):
            partner = partners.get(key)
            found[key] = theirs.pop(id(_target(key) if partner is MISSING else partner), MISSING)
            if partner is MISSING and found[key] is MISSING:
                unknown.append(key)
    if is_set:  # equal tensors first, since a set has no order
        equal = {_order(key): key for key in theirs.values()}
        for key in unknown:
            if (other := equal.pop(_order(key), MISSING)) is not MISSING:
                found[key] = theirs.pop(id(_target(other)))
        unknown = [key for key in unknown if found[key] is MISSING]
    found.update(zip(unknown, theirs.values(), strict=False))
    return {key: found[key] for key in expected}
