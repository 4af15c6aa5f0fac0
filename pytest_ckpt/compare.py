"""Two trees in, differences out: bit for bit, with the path of every leaf.

Knows how to walk containers and asks the backends to read tensors. It knows no format and no check, and does not
judge: that one difference is worse than another is for `verdicts` to say.
"""

from __future__ import annotations

import collections.abc
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from . import words
from .backends import get_backend, owner_of
from .backends.base import Memory, Reading, bounds, overlap
from .specs import nearest
from .verdicts import ASPECTS, Difference, describe

_MISSING = object()
#: A path as a linked list, so that a tree of any depth costs nothing: the parent's path, and one step as text.
_Path = tuple[Any, str] | None


def differences(actual: Any, expected: Any, ignore: Iterable[str] = ()) -> list[Difference]:
    """Everything in which ``actual`` is not the same as ``expected``, in the order of the expected tree.

    ``ignore`` names aspects (see `pytest_ckpt.verdicts.ASPECTS`) that do not count. Raises ValueError for an unknown
    one. Trees may hold cycles and shared containers, and may be of any depth.
    """
    ignored = aspects(ignore)
    walk = _Walk()
    walk.run(actual, expected)
    return [difference for difference in walk.found if difference.aspect not in ignored]


def aspects(names: Iterable[str]) -> frozenset[str]:
    """The names as a set. Raises ValueError, with the nearest one, for what is no aspect."""
    given = frozenset((names,) if isinstance(names, str) else names)
    for name in given:
        if name not in ASPECTS:
            raise ValueError(f"unknown aspect {name!r}: {nearest(name, ASPECTS)}")
    return given


def assert_identical(actual: Any, expected: Any, ignore: Iterable[str] = ()) -> None:
    """Raises AssertionError, with paths, bits and numbers, unless two trees are the same bit for bit.

    ``ignore`` names aspects that do not count: values, nan-payload, dtype, shape, kind, container, keys, order, alias,
    flags, strides.
    """
    __tracebackhide__ = True
    found = differences(actual, expected, ignore)
    if found:
        raise AssertionError(f"not identical, {len(found)} difference(s):\n{describe(found)}")


def read(leaf: Any) -> Reading | None:
    """What can be seen of a tensor, or None if ``leaf`` is none."""
    backend = owner_of(leaf)
    return None if backend is None else backend.read(leaf)


def tensors_in(tree: Any) -> Iterator[Any]:
    """Every tensor in a tree, in order; one that stands in several places comes each time."""
    todo = [tree]
    met: set[int] = set()
    while todo:
        node = todo.pop()
        if owner_of(node) is not None:
            yield node
        elif (children := _children(node)) is not None and id(node) not in met:
            met.add(id(node))
            todo.extend(reversed(list(children.values())))


def _address(tensor: Any) -> int | None:
    reading = read(tensor)
    if reading is None or reading.memory is None or 0 in reading.shape:
        return None
    return reading.memory.address


def same_object(loaded: Any, saved: Any) -> bool:
    """Whether what was loaded is what was saved, or holds one of its tensors; values that Python shares do not count."""
    if loaded is saved and not isinstance(saved, bool | int | float | str | bytes | type(None) | tuple):
        return True
    mine = list(tensors_in(saved))
    objects = {id(tensor) for tensor in mine}
    addresses = {_address(tensor) for tensor in mine} - {None}
    return any(id(tensor) in objects or _address(tensor) in addresses for tensor in tensors_in(loaded))


def shown_path(path: _Path) -> str:
    steps = []
    while path is not None:
        path, step = path[0], path[1]
        steps.append(step)
    if len(steps) > 40:
        steps[20:-20] = [f"…({len(steps) - 40} more)…"]
    return "".join(reversed(steps))


class _Walk:
    """One comparison: the differences found so far, and the memory of every pair of tensors met."""

    def __init__(self) -> None:
        self.found: list[Difference] = []
        self.met: set[tuple[int, int]] = set()
        self.memories: list[tuple[_Path, Memory | None, Memory | None]] = []

    def run(self, actual: Any, expected: Any) -> None:
        todo: list[tuple[_Path, Any, Any]] = [(None, actual, expected)]
        while todo:
            path, ours, theirs = todo.pop()
            todo.extend(reversed(list(self.pair(path, ours, theirs))))
        self.found.extend(_sharing(self.memories))

    def add(self, path: _Path, aspect: str, expected: str, actual: str, **more: Any) -> None:
        self.found.append(Difference(shown_path(path), aspect, expected, actual, **more))

    def pair(self, path: _Path, actual: Any, expected: Any) -> Iterator[tuple[_Path, Any, Any]]:
        """Compares two nodes, and yields the pairs of their children."""
        there = read(expected)
        if there is not None:
            self.tensors(path, actual, there)
            return
        children = _children(expected)
        if children is None:
            self.plain(path, actual, expected)
            return
        if (id(actual), id(expected)) in self.met:
            return
        self.met.add((id(actual), id(expected)))
        yield from self.containers(path, actual, expected, children)

    def containers(self, path: _Path, actual: Any, expected: Any, children: dict[Any, Any]) -> Iterator[tuple[_Path, Any, Any]]:
        came = None if owner_of(actual) is not None else _children(actual)
        alike = came is not None and set(came) == set(children)
        if type(actual) is not type(expected):
            lost = bool(children) and not alike
            self.add(path, "container", _type(expected), _type(actual), lost=lost, leaf=_type(expected))
            if not alike and (children or came is None):
                return
        if came is None:
            return
        order = []
        for key, child in children.items():
            step = _step(expected, key)
            other, found_key = _lookup(came, key)
            if other is _MISSING:
                self.add(path, "keys", f"{step} is there", f"it is missing; there are {_keys(came)}", lost=True, leaf=_type(expected))
                continue
            if type(found_key) is not type(key):
                self.add(path, "keys", f"the key {key!r}", f"the key {found_key!r}", leaf=_type(expected))
            order.append(key)
            yield (path, step), other, child
        for key in came:
            if _lookup(children, key)[0] is _MISSING:
                self.add(path, "keys", f"no key {key!r}", f"{_step(actual, key)} is there, a {_type(came[key])}", leaf=_type(expected))
        arrived = [key for key in came if _lookup(children, key)[0] is not _MISSING]
        if isinstance(expected, collections.abc.Mapping) and arrived != order:
            self.add(path, "order", f"keys in the order {_keys(order)}", _keys(arrived), leaf=_type(expected))

    def plain(self, path: _Path, actual: Any, expected: Any) -> None:
        """Leaves that are no tensors: their type, then their content."""
        if actual is expected:
            return
        if type(actual) is not type(expected):
            same = _same_number(actual, expected)
            kind = {"lost": not same, "leaf": _type(expected)}
            self.add(path, "container", f"{_type(expected)} {_short(expected)}", f"{_type(actual)} {_short(actual)}", **kind)
        elif isinstance(expected, np.generic):
            self.values(path, get_backend("numpy").read(actual), get_backend("numpy").read(expected))
        elif not _same_content(actual, expected):
            self.add(path, "values", _short(expected), _short(actual), count=1, total=1, leaf=_type(expected))

    def tensors(self, path: _Path, actual: Any, expected: Reading) -> None:
        came = get_backend("numpy").read(actual) if isinstance(actual, np.generic) else read(actual)
        if came is None:
            self.add(path, "kind", expected.kind, f"{_type(actual)} {_short(actual)}", lost=True, leaf=expected.dtype)
            return
        self.memories.append((path, came.memory, expected.memory))
        if came.kind != expected.kind:
            self.add(path, "kind", expected.kind, came.kind, leaf=expected.dtype)
        for flag in sorted({*expected.flags, *came.flags}):
            ours, theirs = expected.flags.get(flag), came.flags.get(flag)
            if ours != theirs:
                self.add(path, "flags", f"{flag}: {ours}", f"{flag}: {theirs}", leaf=expected.dtype)
        self.strides(path, came, expected)
        self.values(path, came, expected)

    def strides(self, path: _Path, actual: Reading, expected: Reading) -> None:
        """Only dense memory has an order that anybody promised to keep."""
        if expected.strides is None or actual.strides is None or actual.shape != expected.shape or 0 in expected.shape:
            return
        if words.dense_order(expected.shape, expected.strides) is None:
            return
        real = [axis for axis, length in enumerate(expected.shape) if length > 1]
        if [expected.strides[axis] for axis in real] != [actual.strides[axis] for axis in real]:
            self.add(path, "strides", str(expected.strides), str(actual.strides), leaf=expected.dtype)

    def values(self, path: _Path, actual: Reading, expected: Reading) -> None:
        """Shape and dtype, then the elements."""
        leaf = expected.dtype
        if actual.shape != expected.shape:
            self.add(path, "shape", str(expected.shape), str(actual.shape), leaf=leaf)
        if actual.dtype != expected.dtype:
            self.add(path, "dtype", expected.dtype, actual.dtype, leaf=leaf)
        if actual.shape != expected.shape or actual.dtype != expected.dtype:
            return
        if expected.parts is not None or actual.parts is not None:
            self.parts(path, actual, expected)
        elif expected.objects is not None or actual.objects is not None:
            self.objects(path, actual, expected)
        else:
            self.elements(path, actual, expected)

    def parts(self, path: _Path, actual: Reading, expected: Reading) -> None:
        ours, theirs = expected.parts or {}, actual.parts or {}
        for part in ours:
            if part not in theirs:
                self.add((path, f".{part}"), "values", "there", f"missing; there are {_keys(theirs)}", lost=True, leaf=expected.dtype)
                continue
            found = differences(theirs[part], ours[part], ignore=("strides", "alias"))
            start = shown_path((path, f".{part}"))
            self.found += [dataclasses.replace(each, path=start + each.path, leaf=expected.dtype) for each in found]

    def objects(self, path: _Path, actual: Reading, expected: Reading) -> None:
        lines: list[str] = []
        count = 0
        for at in np.ndindex(*expected.shape):
            ours, theirs = expected.objects[at], actual.objects[at]
            is_text = type(ours) is type(theirs) and isinstance(ours, str | bytes)
            if ours != theirs if is_text else differences(theirs, ours):
                count += 1
                if len(lines) < words.SHOWN:
                    lines.append(f"[{', '.join(map(str, at))}] expected {_short(ours)}, got {_short(theirs)}")
        if count:
            total = expected.objects.size
            more = {"count": count, "total": total, "elements": tuple(lines), "leaf": expected.dtype}
            self.add(path, "values", "the same content", "other content", **more)

    def elements(self, path: _Path, actual: Reading, expected: Reading) -> None:
        row = words.element_row(expected.dtype)
        if words.equal(expected.words, actual.words, row):
            return
        found = words.mismatches(actual.words, expected.words, row, expected.shape)
        total = int(np.prod(expected.shape, dtype=np.int64))
        for aspect, what in (("values", "values"), ("nan-payload", "NaN payload")):
            if found.counts[aspect]:
                more = {"count": found.counts[aspect], "total": total, "leaf": expected.dtype}
                self.add(path, aspect, f"the same {what}", "others", elements=tuple(found.first[aspect]), **more)


def _children(node: Any) -> dict[Any, Any] | None:
    """What a container holds, by key, index or field name; None for anything that is a leaf."""
    if isinstance(node, collections.abc.Mapping):
        return dict(node)
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return dict(zip(node._fields, node, strict=True))
    if isinstance(node, list | tuple | collections.deque):
        return dict(enumerate(node))
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return {field.name: getattr(node, field.name, _MISSING) for field in dataclasses.fields(node)}
    return None


def _lookup(children: dict[Any, Any], key: Any) -> tuple[Any, Any]:
    """The child under ``key`` and the key it was found under, which may be of another type (True for 1)."""
    if key not in children:
        return _MISSING, key
    for other in children if type(key) in (bool, int, float) else (key,):
        if other == key:
            return children[key], other
    return children[key], key


def _step(container: Any, key: Any) -> str:
    return (
        f"[{key!r}]" if isinstance(container, collections.abc.Mapping | list | collections.deque) or not isinstance(key, str) else f".{key}"
    )


def _type(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _short(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _keys(keys: Iterable[Any]) -> str:
    return _short(list(keys), 200)


def _same_number(actual: Any, expected: Any) -> bool:
    """Whether a plain leaf of another type still is the same number or text: 1, True and 1.0, or an array of just it."""
    reading = get_backend("numpy").read(actual) if isinstance(actual, np.generic) else read(actual)
    if reading is not None:
        if reading.shape != () or reading.words is None or reading.parts is not None:
            return False
        backend = owner_of(actual)
        actual = np.asarray(actual).item() if backend is None or backend.name == "numpy" else _item(actual)
    if isinstance(expected, np.generic):
        expected = expected.item()
    if isinstance(expected, float) and isinstance(actual, float):
        return distinct_bits(actual) == distinct_bits(expected)
    try:
        return bool(actual == expected) and isinstance(actual, int | float | complex | str | bytes)
    except Exception:  # a foreign object may raise anything from ==; then it is not the same number
        return False


def _item(tensor: Any) -> Any:
    try:
        return tensor.item()
    except Exception:  # not every tensor of every framework can be turned into a Python number
        return _MISSING


def distinct_bits(value: float) -> bytes:
    return np.float64(value).tobytes()


def _same_content(actual: Any, expected: Any) -> bool:
    """Whether two leaves of one type hold the same: bits for numbers, == for objects that have it, else their attributes."""
    if isinstance(expected, float):
        return distinct_bits(actual) == distinct_bits(expected)
    if isinstance(expected, complex):
        return np.complex128(actual).tobytes() == np.complex128(expected).tobytes()
    own_equality: Any = type(expected).__eq__
    if own_equality is object.__eq__ and hasattr(expected, "__dict__"):
        return not differences(vars(actual), vars(expected))
    answer = actual == expected
    return answer if isinstance(answer, bool) else bool(np.all(answer))


def _groups(memories: list[Memory | None]) -> list[int]:
    """For each tensor the number of the first one that it shares memory with, directly or through others."""
    first = list(range(len(memories)))

    def root(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]
            index = first[index]
        return index

    spans = sorted((*bounds(memory), index) for index, memory in enumerate(memories) if memory is not None)
    open_spans: list[tuple[int, int]] = []
    for low, high, index in spans:
        if low == high:
            continue
        open_spans = [(end, other) for end, other in open_spans if end > low]
        for _, other in open_spans:
            ours, theirs = memories[index], memories[other]
            if root(other) != root(index) and ours and theirs and (ours == theirs or overlap(ours, theirs)):
                low_root, high_root = sorted((root(other), root(index)))
                first[high_root] = low_root
        open_spans.append((high, index))
    return [root(index) for index in range(len(memories))]


def _sharing(met: list[tuple[_Path, Memory | None, Memory | None]]) -> Iterator[Difference]:
    """Leaves that shared memory and do not any more, and leaves that share it now and did not."""
    met = [pair for pair in met if pair[1] is not None and pair[2] is not None]
    actual = _groups([ours for _, ours, _ in met])
    expected = _groups([theirs for _, _, theirs in met])
    for index, (path, _, _) in enumerate(met):
        before, after = expected[index], actual[index]
        if before != index and actual[before] != after:
            yield Difference(shown_path(path), "alias", f"memory shared with {shown_path(met[before][0])}", "memory of its own")
        if after != index and expected[after] != before:
            yield Difference(shown_path(path), "alias", "memory of its own", f"memory shared with {shown_path(met[after][0])}")
