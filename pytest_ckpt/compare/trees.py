"""Two trees in, differences out: bit for bit, with the path of every leaf.

Knows how to walk containers and asks the backends to read tensors. It knows no format and no check, and does not
judge: that one difference is worse than another is for `verdicts` to say.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..backends import get_backend, owner_of
from ..backends.base import Reading
from ..backends.memory import Memory
from ..util.suggestions import nearest
from ..verdicts import ASPECTS, Difference, describe
from . import elements as words
from .aliasing import changes
from .diagnosis import likely_cause
from .objects import MISSING, Contents, contents, matched, nodes_in, same_key, shown, token, type_name

#: A path as a linked list, so that a tree of any depth costs nothing: the parent's path, and one step as text.
_Path = tuple[Any, str] | None
#: What nobody promised of the parts that a tensor is made of, such as the indices of a sparse one.
_OF_PARTS = frozenset({"strides", "alias"})


def differences(actual: Any, expected: Any, ignore: Iterable[str] = ()) -> list[Difference]:
    """Everything in which ``actual`` is not the same as ``expected``, in the order of the expected tree.

    ``ignore`` names aspects (see `pytest_ckpt.verdicts.ASPECTS`) that do not count. Raises ValueError for an unknown
    one. Trees may hold cycles and shared containers, and may be of any depth. Objects that are no containers are compared by
    what pickle would write of them; what cannot be seen of an object is not compared.
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


def is_leaf(node: Any) -> bool:
    """Whether a node is a tensor or a NumPy scalar, whose inside is no tree."""
    return isinstance(node, np.generic) or owner_of(node) is not None


def tensors_in(tree: Any) -> Iterator[Any]:
    """Every tensor in a tree, in order, those that objects hold included; one that stands in several places comes each time."""
    return (node for node, held in nodes_in(tree, is_leaf) if held is None and owner_of(node) is not None)


def remembered(tree: Any) -> Any:
    """A copy of a tree. Tensors that nobody can alter stand for themselves: not every framework can copy all of its own."""
    immutable = {id(tensor): tensor for tensor in tensors_in(tree) if (it := read(tensor)) and it.memory is None and it.parts is None}
    return copy.deepcopy(tree, immutable)


def same_object(loaded: Any, saved: Any) -> bool:
    """Whether what was loaded is what was saved, or holds one of its tensors, containers or objects, so that nothing shows
    that it was read from a file. What a library shares on purpose, such as members of an enum, has no state and does not count."""

    # Kept alive until both were looked at: what an object makes only to be pickled would leave its identity to the next one.
    alive: list[Any] = []

    def marks(tree: Any) -> Iterator[Any]:
        for node, held in nodes_in(tree, is_leaf):
            alive.append(node)
            if held is None and owner_of(node) is not None:
                yield id(node)
                yield _address(node)
            elif isinstance(node, dict | list | set | bytearray | collections.deque) or (held and held.kind == "object" and held.items):
                yield id(node)

    mine = set(marks(saved)) - {None}
    return any(mark in mine for mark in marks(loaded))


def _address(tensor: Any) -> tuple[str, int] | None:
    reading = read(tensor)
    if reading is None or reading.memory is None or 0 in reading.shape:
        return None
    return ("memory", reading.memory.address)


def _shown_path(path: _Path) -> str:
    steps = []
    while path is not None:
        path, step = path[0], path[1]
        steps.append(step)
    if len(steps) > 40:
        steps[20:-20] = [f"…({len(steps) - 40} more)…"]
    return "".join(reversed(steps))


@dataclasses.dataclass(slots=True)
class _Pair:
    """Two nodes that stand in the same place; ``leaf`` is the dtype of the tensor that they are parts of, if they are."""

    path: _Path
    actual: Any
    expected: Any
    leaf: str = ""

    def below(self, step: str, actual: Any, expected: Any, leaf: str = "") -> _Pair:
        return _Pair((self.path, step), actual, expected, leaf or self.leaf)


class _Walk:
    """One comparison: the differences found so far, and the memory of every pair of tensors met."""

    def __init__(self) -> None:
        self.found: list[Difference] = []
        #: Pairs of containers by identity, kept alive so that no other object gets their identity meanwhile.
        self.met: dict[tuple[int, int], _Pair] = {}
        self.memories: list[tuple[_Pair, Memory, Memory]] = []

    def run(self, actual: Any, expected: Any) -> None:
        todo = [_Pair(None, actual, expected)]
        while todo:
            todo.extend(reversed(list(self.pair(todo.pop()))))
        self.sharing()

    def add(self, pair: _Pair, aspect: str, expected: str, actual: str, **more: Any) -> None:
        if pair.leaf:
            if aspect in _OF_PARTS:
                return
            more["leaf"] = pair.leaf
        self.found.append(Difference(_shown_path(pair.path), aspect, expected, actual, **more))

    def pair(self, pair: _Pair) -> Iterator[_Pair]:
        """Compares two nodes, and yields the pairs of their children."""
        reading = read(pair.expected)
        if reading is not None:
            yield from self.tensors(pair, reading)
            return
        held = None if isinstance(pair.expected, np.generic) else contents(pair.expected)
        if held is None:
            self.plain(pair)
        elif pair.actual is not pair.expected or held.kind != "object":
            key = (id(pair.actual), id(pair.expected))
            if key not in self.met:
                self.met[key] = pair
                yield from self.containers(pair, held)

    def containers(self, pair: _Pair, expected: Contents) -> Iterator[_Pair]:
        came = None if is_leaf(pair.actual) else contents(pair.actual)
        leaf = type_name(pair.expected)
        places = matched(expected.items, came.items) if came is not None else {}
        if type(pair.actual) is not type(pair.expected):
            alike = came is not None and len(came.items) == len(places) and all(other is not MISSING for other in places.values())
            alike = alike or _same_number(pair.actual, pair.expected)
            lost = not alike and bool(expected.items or expected.extras)
            self.add(pair, "container", _told(pair.expected), _told(pair.actual), lost=lost, leaf=leaf)
            if came is None or not alike:
                return
        if came is None:
            return
        yield from self.children(pair, expected, came, places, leaf)
        if type(pair.actual) is type(pair.expected):
            extras = matched(expected.extras, came.extras)
            if expected.extras or came.extras:
                yield from self.children(
                    pair, Contents("object", dict(expected.extras)), Contents("object", dict(came.extras)), extras, leaf
                )

    def children(self, pair: _Pair, expected: Contents, came: Contents, places: dict[Any, Any], leaf: str) -> Iterator[_Pair]:
        arrived = []
        for key, place in places.items():
            step = expected.step(key)
            if place is MISSING:
                self.add(pair, "keys", f"{step} is there", f"it is missing; there are {_keys(came.items)}", lost=True, leaf=leaf)
                continue
            if not same_key(place, key):
                self.add(pair, "keys", f"the key {shown(key)}", f"the key {shown(place)}", leaf=leaf)
            arrived.append(place)
            yield pair.below(step, came.items[place], expected.items[key])
        if len(arrived) < len(came.items):
            known = set(map(id, arrived))
            for key in came.items:
                if id(key) not in known:
                    what = f"{came.step(key)} is there, a {type_name(came.items[key])}"
                    self.add(pair, "keys", f"no {expected.step(key)}", what, leaf=leaf)
        if expected.kind == "mapping":
            known = set(map(id, arrived))
            order = [key for key in came.items if id(key) in known]
            if any(ours is not theirs for ours, theirs in zip(order, arrived, strict=True)):
                self.add(pair, "order", f"keys in the order {_keys(arrived)}", _keys(order), leaf=leaf)

    def plain(self, pair: _Pair) -> None:
        """Leaves that are no tensors: their type, then their content."""
        actual, expected = pair.actual, pair.expected
        if actual is expected:
            return
        scalars = isinstance(actual, np.generic) and isinstance(expected, np.generic)
        if type(actual) is not type(expected) and not (scalars and actual.dtype == expected.dtype):
            more = {"lost": not _same_number(actual, expected), "leaf": type_name(expected)}
            self.add(pair, "container", _told(expected), _told(actual), **more)
        elif scalars:
            numpy = get_backend("numpy")
            for _ in self.values(pair, numpy.read(actual), numpy.read(expected)):
                raise AssertionError("a scalar has no children")
        elif not _same_content(actual, expected):
            self.add(pair, "values", shown(expected), shown(actual), count=1, total=1, leaf=type_name(expected))

    def tensors(self, pair: _Pair, expected: Reading) -> Iterator[_Pair]:
        came = get_backend("numpy").read(pair.actual) if isinstance(pair.actual, np.generic) else read(pair.actual)
        if came is None:
            self.add(pair, "kind", expected.kind, _told(pair.actual), lost=True, leaf=expected.dtype)
            return
        if came.memory is not None and expected.memory is not None and not pair.leaf and not isinstance(pair.actual, np.generic):
            self.memories.append((pair, came.memory, expected.memory))
        if came.kind != expected.kind:
            self.add(pair, "kind", expected.kind, came.kind, leaf=expected.dtype)
        for flag in sorted({*expected.flags, *came.flags}):
            ours, theirs = expected.flags.get(flag), came.flags.get(flag)
            if ours != theirs:
                self.add(pair, "flags", _flag(flag, ours), _flag(flag, theirs), leaf=expected.dtype)
        self.strides(pair, came, expected)
        yield from self.values(pair, came, expected)

    def strides(self, pair: _Pair, actual: Reading, expected: Reading) -> None:
        """Only dense memory has an order that anybody promised to keep."""
        if expected.strides is None or actual.strides is None or actual.shape != expected.shape or 0 in expected.shape:
            return
        if words.dense_order(expected.shape, expected.strides) is None:
            return
        real = [axis for axis, length in enumerate(expected.shape) if length > 1]
        if [expected.strides[axis] for axis in real] != [actual.strides[axis] for axis in real]:
            self.add(pair, "strides", str(expected.strides), str(actual.strides), leaf=expected.dtype)

    def values(self, pair: _Pair, actual: Reading, expected: Reading) -> Iterator[_Pair]:
        """Shape and dtype, then the elements; yields what an element, or a tensor made of several, holds."""
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
            states = "no elements, as on a device that has none", "elements"
            self.add(pair, "values", *(states if expected.words is None else reversed(states)), leaf=leaf)

    def parts(self, pair: _Pair, actual: Reading, expected: Reading) -> Iterator[_Pair]:
        ours, theirs = expected.parts or {}, actual.parts or {}
        for part in ours:
            below = pair.below(f".{part}", theirs.get(part), ours[part], expected.dtype)
            if part in theirs:
                yield below
            else:
                self.add(below, "values", "there", f"missing; there are {_keys(theirs)}", lost=True)

    def objects(self, pair: _Pair, actual: Reading, expected: Reading) -> Iterator[_Pair]:
        """Texts are told together, element by element; any other object is a node of the tree."""
        lines: list[str] = []
        count = 0
        key = (id(pair.actual), id(pair.expected))
        if key in self.met:
            return
        self.met[key] = pair
        for at in np.ndindex(*expected.shape):
            ours, theirs = expected.objects[at], actual.objects[at]
            place = f"[{', '.join(map(str, at))}]"
            if not isinstance(ours, str | bytes):
                yield pair.below(place, theirs, ours)
            elif type(ours) is not type(theirs) or ours != theirs:
                count += 1
                if len(lines) < words.SHOWN:
                    lines.append(f"{place} expected {shown(ours)}, got {shown(theirs)}")
        if count:
            total = expected.objects.size
            more = {"count": count, "total": total, "elements": tuple(lines), "leaf": expected.dtype}
            self.add(pair, "values", "the same content", "other content", **more)

    def elements(self, pair: _Pair, actual: Reading, expected: Reading) -> None:
        row = words.element_row(expected.dtype)
        if words.equal(expected.words, actual.words, row):
            return
        found = words.mismatches(actual.words, expected.words, expected.dtype, expected.shape)
        total = int(np.prod(expected.shape, dtype=np.int64))
        cause = likely_cause(actual.words, expected.words, expected.dtype)
        for aspect, what in (("values", "values"), ("nan-payload", "NaN payload")):
            if found.counts[aspect]:
                more = {"count": found.counts[aspect], "total": total, "leaf": expected.dtype}
                more["cause"] = cause if aspect == "values" else ""
                self.add(pair, aspect, f"the same {what}", "others", elements=tuple(found.first[aspect]), **more)

    def sharing(self) -> None:
        """Leaves that shared memory and do not any more, and leaves that share it now and did not."""
        actual, expected = [ours for _, ours, _ in self.memories], [theirs for _, _, theirs in self.memories]
        for index, other, was in changes(actual, expected):
            states = f"memory shared with {_shown_path(self.memories[other][0].path) or 'the root'}", "memory of its own"
            self.add(self.memories[index][0], "alias", *(states if was else reversed(states)))


def _flag(name: str, value: Any) -> str:
    return f"no {name}" if value is None else f"{name}: {value}"


def _told(value: Any) -> str:
    """A container or object by its type, a leaf by its type and value."""
    held = None if is_leaf(value) else contents(value)
    return type_name(value) if held is not None else f"{type_name(value)} {shown(value)}"


def _keys(keys: Iterable[Any]) -> str:
    return shown(list(keys), 200)


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
        return bool(token(float(actual)) == token(float(expected)))
    try:
        return bool(actual == expected) and isinstance(actual, int | float | complex | str | bytes)
    except Exception:  # a foreign object may raise anything from ==; then it is not the same number
        return False


def _item(tensor: Any) -> Any:
    try:
        return tensor.item()
    except Exception:  # not every tensor of every framework can be turned into a Python number
        return MISSING


def _same_content(actual: Any, expected: Any) -> bool:
    """Whether two leaves of one type hold the same."""
    if isinstance(expected, set | frozenset):
        return collections.Counter(map(token, actual)) == collections.Counter(map(token, expected))
    if isinstance(expected, type | types.ModuleType) or hasattr(expected, "__qualname__"):
        return bool(_global_name(actual) == _global_name(expected))
    return bool(token(actual) == token(expected)) if isinstance(expected, float | complex) else bool(actual == expected)


def _global_name(value: Any) -> tuple[Any, Any]:
    """Where a class, function or module is found, which is all that a checkpoint can say of it."""
    return getattr(value, "__module__", None), getattr(value, "__qualname__", getattr(value, "__name__", None))
