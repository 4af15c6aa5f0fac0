"""Compare two trees bit for bit, and return the differences with the path of each leaf.

Walks containers, and lets the backends read tensors. Knows no format and no check. It does not
judge: `verdicts` ranks the differences.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..backends import get_backend
from ..backends.base import Reading
from ..backends.memory import Memory
from ..util.suggestions import nearest
from ..verdicts import ASPECTS, Difference, describe
from . import elements
from .aliasing import SEPARATE_MEMORY, changes
from .diagnosis import likely_cause
from .leaves import same_content, same_number
from .objects import MISSING, Attribute, Contents, contents, matched, same_key, shown, type_name
from .tensors import is_leaf, read

#: A path as a linked list (the parent's path, and one step as text), so that deep trees need no
#: long texts.
_Path = tuple[Any, str] | None
#: Aspects that do not count for the parts of a tensor, such as the indices of a sparse one.
_IGNORED_OF_PARTS = frozenset({"strides", "alias"})


def differences(actual: Any, expected: Any, ignore: Iterable[str] = ()) -> list[Difference]:
    """Return all differences between two trees, in the order of the expected tree.

    Trees may contain cycles and shared containers, and may have any depth. Objects that are not
    containers are compared by the state that pickle would write.

    ``ignore`` names aspects whose differences are left out:

    - ``values``: the value of an element or a plain leaf, bit for bit.
    - ``nan-payload``: the payload or sign bit of an element that is NaN in both trees.
    - ``dtype``, ``shape``: of a tensor. The values of such a tensor are not compared.
    - ``kind``: the class of a tensor, or a tensor that became something else.
    - ``container``: the type of a container, an object or a plain leaf.
    - ``keys``: a missing, additional or changed key, index or attribute.
    - ``order``: the order of the keys of a mapping.
    - ``alias``: tensors that share memory in only one of the trees.
    - ``flags``: properties of a tensor that are not values, such as ``requires-grad``, the device,
      the byte order, or attributes of the instance.
    - ``strides``: the order of the elements in dense memory.

    Raises ValueError, with the nearest name, for an unknown aspect.
    """
    ignored = aspects(ignore)
    walk = _Walk()
    walk.run(actual, expected)
    return [difference for difference in walk.found if difference.aspect not in ignored]


def aspects(names: Iterable[str]) -> frozenset[str]:
    """Return the names as a set.

    Raises ValueError, with the nearest name, for an unknown aspect.
    """
    given = frozenset((names,) if isinstance(names, str) else names)
    for name in given:
        if name not in ASPECTS:
            raise ValueError(f"unknown aspect {name!r}: {nearest(name, ASPECTS)}")
    return given


def assert_identical(actual: Any, expected: Any, ignore: Iterable[str] = ()) -> None:
    """Raise AssertionError, with paths, bits and numbers, unless two trees are the same bit for
    bit.

    ``ignore`` names aspects that do not count: ``values``, ``nan-payload``, ``dtype``, ``shape``,
    ``kind``, ``container``, ``keys``, ``order``, ``alias``, ``flags`` or ``strides``, see
    `differences`. Raises ValueError, with the nearest name, for an unknown aspect.
    """
    __tracebackhide__ = True
    found = differences(actual, expected, ignore)
    if found:
        raise AssertionError(f"the trees are not identical, {len(found)} difference(s):\n{describe(found)}")


def _path_text(path: _Path) -> str:
    steps = []
    while path is not None:
        path, step = path[0], path[1]
        steps.append(step)
    if len(steps) > 40:
        steps[20:-20] = [f"…({len(steps) - 40} more)…"]
    return "".join(reversed(steps))


@dataclasses.dataclass(slots=True)
class _Pair:
    """Two nodes at one path.

    ``leaf`` is the dtype of the tensor that they are parts of, or empty.
    """

    path: _Path
    actual: Any
    expected: Any
    leaf: str = ""

    def below(self, step: str, actual: Any, expected: Any, leaf: str = "") -> _Pair:
        return _Pair((self.path, step), actual, expected, leaf or self.leaf)


class _Walk:
    """One comparison: the differences found so far, and the memory of each pair of tensors."""

    def __init__(self) -> None:
        self.found: list[Difference] = []
        #: Pairs of containers by identity. The values keep them alive, so that no identity is
        #: reused.
        self.visited: dict[tuple[int, int], _Pair] = {}
        self.memories: list[tuple[_Pair, Memory, Memory]] = []

    def run(self, actual: Any, expected: Any) -> None:
        todo = [_Pair(None, actual, expected)]
        while todo:
            todo.extend(reversed(list(self.pair(todo.pop()))))
        self.sharing()

    def add(self, pair: _Pair, aspect: str, expected: str, actual: str, **more: Any) -> None:
        if pair.leaf:
            if aspect in _IGNORED_OF_PARTS:
                return
            more["leaf"] = pair.leaf
        self.found.append(Difference(_path_text(pair.path), aspect, expected, actual, **more))

    def pair(self, pair: _Pair) -> Iterator[_Pair]:
        """Compare two nodes, and yield the pairs of their children."""
        reading = read(pair.expected)
        if reading is not None:
            yield from self.tensors(pair, reading)
            return
        held = None if isinstance(pair.expected, np.generic) else contents(pair.expected)
        if held is None:
            self.plain(pair)
        elif pair.actual is not pair.expected or held.kind != "object":
            key = (id(pair.actual), id(pair.expected))
            if key not in self.visited:
                self.visited[key] = pair
                yield from self.containers(pair, held)

    def containers(self, pair: _Pair, expected: Contents) -> Iterator[_Pair]:
        actual = None if is_leaf(pair.actual) else contents(pair.actual)
        leaf = type_name(pair.expected)
        matches = matched(expected.items, actual.items) if actual is not None else {}
        if type(pair.actual) is not type(pair.expected):
            same = actual is not None and len(actual.items) == len(matches) and all(other is not MISSING for other in matches.values())
            same = same or same_number(pair.actual, pair.expected)
            lost = not same and bool(expected.items or expected.extras)
            self.add(pair, "container", _type_and_value(pair.expected), _type_and_value(pair.actual), lost=lost, leaf=leaf)
            if actual is None or not same:
                return
        if actual is None:
            return
        yield from self.children(pair, expected, actual, matches, leaf)
        if type(pair.actual) is type(pair.expected):
            extras = matched(expected.extras, actual.extras)
            if expected.extras or actual.extras:
                yield from self.children(
                    pair, Contents("object", dict(expected.extras)), Contents("object", dict(actual.extras)), extras, leaf
                )

    def children(self, pair: _Pair, expected: Contents, actual: Contents, matches: dict[Any, Any], leaf: str) -> Iterator[_Pair]:
        present = []
        for key, match in matches.items():
            if match is MISSING:
                self.add(pair, "keys", "", f"{expected.label(key)} is missing (found: {_keys(actual.items)})", lost=True, leaf=leaf)
                continue
            if not same_key(match, key):
                self.add(pair, "keys", f"the key {shown(key)}", f"the key {shown(match)}", leaf=leaf)
            present.append(match)
            yield pair.below(expected.step(key), actual.items[match], expected.items[key])
        extra = len(present) < len(actual.items)
        known = set(map(id, present)) if extra or expected.kind == "mapping" else set()
        if extra:
            for key in actual.items:
                if id(key) not in known:
                    value = f"a value of type {type_name(actual.items[key])}"
                    self.add(pair, "keys", "", f"{actual.label(key)} is unexpected ({value})", leaf=leaf)
        if expected.kind == "mapping":
            order = [key for key in actual.items if id(key) in known]
            if any(ours is not theirs for ours, theirs in zip(order, present, strict=True)):
                self.add(pair, "order", f"keys in the order {_keys(present)}", _keys(order), leaf=leaf)

    def plain(self, pair: _Pair) -> None:
        """Compare leaves that are not tensors: first their type, then their content."""
        actual, expected = pair.actual, pair.expected
        if actual is expected:
            return
        scalars = isinstance(actual, np.generic) and isinstance(expected, np.generic)
        if type(actual) is not type(expected) and not (scalars and actual.dtype == expected.dtype):
            more = {"lost": not same_number(actual, expected), "leaf": type_name(expected)}
            self.add(pair, "container", _type_and_value(expected), _type_and_value(actual), **more)
        elif scalars:
            numpy = get_backend("numpy")
            for _ in self.values(pair, numpy.read(actual), numpy.read(expected)):
                raise AssertionError("a scalar has no children")
        elif not same_content(actual, expected):
            self.add(pair, "values", shown(expected), shown(actual), count=1, total=1, leaf=type_name(expected))

    def tensors(self, pair: _Pair, expected: Reading) -> Iterator[_Pair]:
        actual = get_backend("numpy").read(pair.actual) if isinstance(pair.actual, np.generic) else read(pair.actual)
        if actual is None:
            self.add(pair, "kind", expected.kind, _type_and_value(pair.actual), lost=True, leaf=expected.dtype)
            return
        if actual.memory is not None and expected.memory is not None and not pair.leaf and not isinstance(pair.actual, np.generic):
            self.memories.append((pair, actual.memory, expected.memory))
        if actual.kind != expected.kind:
            self.add(pair, "kind", expected.kind, actual.kind, leaf=expected.dtype)
        for flag in sorted({*expected.flags, *actual.flags}):
            ours, theirs = expected.flags.get(flag), actual.flags.get(flag)
            if ours != theirs:
                self.add(pair, "flags", _flag(flag, ours), _flag(flag, theirs), leaf=expected.dtype)
        self.strides(pair, actual, expected)
        yield from self.values(pair, actual, expected)

    def strides(self, pair: _Pair, actual: Reading, expected: Reading) -> None:
        """Compare the order in memory, only where the expected tensor is dense: no format is
        required to preserve gaps.
        """
        if expected.strides is None or actual.strides is None or actual.shape != expected.shape or 0 in expected.shape:
            return
        if elements.dense_order(expected.shape, expected.strides) is None:
            return
        axes = [axis for axis, length in enumerate(expected.shape) if length > 1]
        if [expected.strides[axis] for axis in axes] != [actual.strides[axis] for axis in axes]:
            self.add(pair, "strides", str(expected.strides), str(actual.strides), leaf=expected.dtype)

    def values(self, pair: _Pair, actual: Reading, expected: Reading) -> Iterator[_Pair]:
        """Compare shape and dtype, then the elements.

        Yield the pairs of parts, and of objects in arrays.
        """
        leaf = expected.dtype
        if actual.shape != expected.shape:
            self.add(pair, "shape", str(expected.shape), str(actual.shape), leaf=leaf)
        if actual.dtype != expected.dtype:
            self.add(pair, "dtype", expected.dtype, actual.dtype, leaf=leaf)
        if actual.shape != expected.shape or actual.dtype != expected.dtype:
            return
        if expected.parts is not None or actual.parts is not None:
            yield from self.parts(pair, actual, expected)
        elif expected.objects is not None or actual.objects is not None:
            yield from self.objects(pair, actual, expected)
        elif expected.words is not None and actual.words is not None:
            self.elements(pair, actual, expected)
        elif expected.words is not actual.words:
            states = "no elements, as on a meta device", "elements"
            self.add(pair, "values", *(states if expected.words is None else reversed(states)), leaf=leaf)

    def parts(self, pair: _Pair, actual: Reading, expected: Reading) -> Iterator[_Pair]:
        ours, theirs = expected.parts or {}, actual.parts or {}
        for part in ours:
            below = pair.below(f".{part}", theirs.get(part), ours[part], expected.dtype)
            if part in theirs:
                yield below
            else:
                self.add(below, "values", "", f"this part of the tensor is missing (found: {_keys(theirs)})", lost=True)

    def objects(self, pair: _Pair, actual: Reading, expected: Reading) -> Iterator[_Pair]:
        """Compare arrays of objects.

        All different texts give one difference; other objects are nodes of the tree.
        """
        lines: list[str] = []
        count = 0
        key = (id(pair.actual), id(pair.expected))
        if key in self.visited:
            return
        self.visited[key] = pair
        for at in np.ndindex(*expected.shape):
            ours, theirs = expected.objects[at], actual.objects[at]
            place = f"[{', '.join(map(str, at))}]"
            if not isinstance(ours, str | bytes):
                yield pair.below(place, theirs, ours)
            elif type(ours) is not type(theirs) or ours != theirs:
                count += 1
                if len(lines) < elements.SHOWN:
                    lines.append(f"{place} expected {shown(ours)}, got {shown(theirs)}")
        if count:
            total = expected.objects.size
            self.add(pair, "values", "", "", count=count, total=total, elements=tuple(lines), leaf=expected.dtype)

    def elements(self, pair: _Pair, actual: Reading, expected: Reading) -> None:
        if elements.equal(expected.words, actual.words, elements.element_row(expected.dtype)):
            return
        found = elements.mismatches(actual.words, expected.words, expected.dtype, expected.shape)
        total = int(np.prod(expected.shape, dtype=np.int64))
        cause = likely_cause(actual.words, expected.words, expected.dtype)
        for aspect in ("values", "nan-payload"):
            if found.counts[aspect]:
                more = {"count": found.counts[aspect], "total": total, "leaf": expected.dtype}
                more["cause"] = cause if aspect == "values" else ""
                self.add(pair, aspect, "", "", elements=tuple(found.first[aspect]), **more)

    def sharing(self) -> None:
        """Compare which tensors share memory."""
        actual, expected = [ours for _, ours, _ in self.memories], [theirs for _, _, theirs in self.memories]
        for index, other, was in changes(actual, expected):
            states = f"memory shared with {_path_text(self.memories[other][0].path) or 'the root'}", SEPARATE_MEMORY
            self.add(self.memories[index][0], "alias", *(states if was else reversed(states)))


def _flag(name: str, value: Any) -> str:
    return f"no {name}" if value is None else f"{name}={value}"


def _type_and_value(value: Any) -> str:
    """Return the type of a container or object, and the type and value of a leaf."""
    held = None if is_leaf(value) else contents(value)
    return type_name(value) if held is not None else f"{type_name(value)} {shown(value)}"


def _keys(keys: Iterable[Any]) -> str:
    listed = [key.name if isinstance(key, Attribute) else key for key in keys]
    return shown(listed, 200) if listed else "none"
