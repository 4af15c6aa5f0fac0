"""Trees as specs: containers, plain leaves and sharing between leaves. Plain Python, no framework.

`walk` and the functions below it are the only code that takes these nodes apart, apart from the builder.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..util.suggestions import nearest
from .base import MAX_DEPTH, Spec
from .dtypes import DTYPES
from .layouts import LAYOUTS
from .models import parts_of
from .scenarios import Scenario
from .tensors import Fill, TensorSpec


class Pair(NamedTuple):
    """The named tuple that a `NamedTupleSpec` describes."""

    first: Any
    second: Any


@dataclasses.dataclass
class Record:
    """The dataclass instance that a `DataclassSpec` describes."""

    first: Any
    second: Any


PLAIN_TYPES = (type(None), bool, int, float, str, bytes)
_NANS = (struct.pack("<d", math.nan), struct.pack("<d", -math.nan))


class Tree(Spec):
    """A node with children. Raises ValueError where the written-out nesting passes `MAX_DEPTH`."""

    depth: int

    def children(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def __post_init__(self) -> None:
        depth = 1
        for child in self.children():
            if not isinstance(child, Spec):
                raise TypeError(f"{type(self).__name__} holds specs, not {type(child).__name__}: {child!r}")
            depth = max(depth, 1 + getattr(child, "depth", 0))
        if depth > MAX_DEPTH:
            raise ValueError(f"specs are written out to a depth of {MAX_DEPTH}, this one has {depth}; use Deep(depth, leaf)")
        object.__setattr__(self, "depth", depth)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class PlainSpec(Spec):
    """A leaf of plain Python: None, bool, int, float, str or bytes."""

    value: Any

    def __post_init__(self) -> None:
        if type(self.value) not in PLAIN_TYPES:
            names = ", ".join(kind.__name__ for kind in PLAIN_TYPES)
            raise TypeError(f"a plain leaf is one of {names}, not {type(self.value).__name__}")
        if type(self.value) is float and math.isnan(self.value) and struct.pack("<d", self.value) not in _NANS:
            raise ValueError("a plain NaN leaf has no payload; use ScalarSpec for one that has")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ScalarSpec(Spec):
    """A NumPy scalar: ``dtype`` and the bit ``pattern`` of its one element."""

    dtype: str
    pattern: int

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"unknown dtype {self.dtype!r}: {nearest(self.dtype, DTYPES)}")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ListSpec(Tree):
    """A list of ``items``, each a spec."""

    items: tuple[Spec, ...]

    def children(self) -> tuple[Any, ...]:
        return self.items


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class TupleSpec(Tree):
    """A tuple of ``items``, each a spec."""

    items: tuple[Spec, ...]

    def children(self) -> tuple[Any, ...]:
        return self.items


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class DictSpec(Tree):
    """A dict of ``(key, spec)`` pairs in their order; with ``ordered`` an `OrderedDict`."""

    items: tuple[tuple[Any, Spec], ...]
    ordered: bool = False

    def children(self) -> tuple[Any, ...]:
        return tuple(child for _, child in self.items)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len({key for key, _ in self.items}) != len(self.items):
            raise ValueError(f"a dict has each key once, these are {[key for key, _ in self.items]!r}")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class NamedTupleSpec(Tree):
    """A `Pair`, which is a named tuple."""

    first: Spec
    second: Spec

    def children(self) -> tuple[Any, ...]:
        return (self.first, self.second)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class DataclassSpec(Tree):
    """A `Record`, which is a dataclass."""

    first: Spec
    second: Spec

    def children(self) -> tuple[Any, ...]:
        return (self.first, self.second)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Deep(Tree):
    """``leaf`` inside ``count`` containers, one within the other: dicts with the key "a", or lists."""

    count: int
    leaf: Spec
    container: str = "dict"

    def children(self) -> tuple[Any, ...]:
        return (self.leaf,)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_size(self.count, self.container)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Wide(Tree):
    """``count`` separate leaves like ``leaf`` in one dict (keys "0", "1", …) or list; each tensor has its own values."""

    count: int
    leaf: Spec
    container: str = "dict"

    def children(self) -> tuple[Any, ...]:
        return (self.leaf,)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_size(self.count, self.container)

    def child(self, index: int) -> Spec:
        """The leaf with number ``index``: the same, but for a seed of its own."""
        if isinstance(self.leaf, TensorSpec):
            fill = dataclasses.replace(self.leaf.fill, seed=(self.leaf.fill.seed + index) % (1 << 64))
            return dataclasses.replace(self.leaf, fill=fill)
        return self.leaf


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class SameAs(Spec):
    """The very tensor with number ``index``, counting tensor leaves from 0 in the order in which they are built."""

    index: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ViewOf(Spec):
    """``tensor[start:stop]`` of the tensor with number ``index``, sharing its memory."""

    index: int
    start: int
    stop: int


class Unsavable:
    """An object that raises, whatever is asked of it: a leaf that nobody can write down."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Unsavable
        raise TypeError("this leaf cannot be saved")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("this leaf cannot be saved")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("this leaf cannot be saved")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class UnsavableSpec(Spec):
    """A leaf that cannot be saved, so that saving fails when most of it is done."""


def _check_size(count: int, container: str) -> None:
    if type(count) is not int or count < 0:
        raise ValueError(f"a count is an int that is not negative, not {count!r}")
    if container not in ("dict", "list"):
        raise ValueError(f"unknown container {container!r}: possible are: dict, list")


def walk(spec: Spec) -> Iterator[Spec]:
    """``spec`` and every spec in it, parents first; `Deep` and `Wide` are not unrolled."""
    todo = [spec]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, Tree):
            todo.extend(reversed(node.children()))
        elif isinstance(node, Scenario):
            todo.append(node.saved)


def tensor_specs_in(spec: Spec) -> tuple[TensorSpec, ...]:
    """The tensors that ``spec`` describes, in order; aliases are not repeated."""
    return tuple(node for node in walk(spec) if isinstance(node, TensorSpec))


def payload_of(spec: Spec) -> int:
    """How many bytes the values of all distinct tensors in ``spec`` take."""
    total = 0
    for node in walk(spec):
        if isinstance(node, TensorSpec):
            total += node.payload
        elif isinstance(node, Wide) and isinstance(node.leaf, TensorSpec):
            total += node.leaf.payload * (node.count - 1)
    return total


def effort(spec: Spec) -> tuple[int, int, int]:
    """How big a counterexample is: elements, then nodes, then length of its text. The smallest is shown.

    A tensor without elements counts like one with one: an empty shape is a special case, not a simple one.
    """
    elements = nodes = 0
    for node in walk(spec):
        nodes += 1
        if isinstance(node, TensorSpec):
            elements += max(1, node.size)
        elif isinstance(node, Deep | Wide):
            nodes += node.count
    nodes += sum(1 + max(layer.size, layer.depth) for layer in parts_of(spec))
    return elements, nodes, len(repr(spec))


def mapped(spec: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every leaf changed; aliases stay what they are."""
    if isinstance(spec, ListSpec | TupleSpec):
        return type(spec)(tuple(mapped(item, change) for item in spec.items))
    if isinstance(spec, DictSpec):
        return DictSpec(tuple((key, mapped(item, change)) for key, item in spec.items), spec.ordered)
    if isinstance(spec, NamedTupleSpec | DataclassSpec):
        return type(spec)(mapped(spec.first, change), mapped(spec.second, change))
    if isinstance(spec, Deep | Wide):
        return dataclasses.replace(spec, leaf=mapped(spec.leaf, change))
    return change(spec)


def other_values(spec: Any, attempt: int = 1) -> Any:
    """The same structure with other values, in memory that can be written: what a template holds. ``attempt`` gives another
    try each."""

    def other(leaf: Any) -> Any:
        if isinstance(leaf, TensorSpec):
            layout = leaf.layout if LAYOUTS[leaf.layout].writable else "c"
            return dataclasses.replace(leaf, layout=layout, fill=Fill(seed=(leaf.fill.seed + 7919 * attempt) % (1 << 64)))
        if isinstance(leaf, PlainSpec):
            return PlainSpec(_other_plain(leaf.value))
        if isinstance(leaf, ScalarSpec):
            is_bool = DTYPES[leaf.dtype].kind == "bool"
            return ScalarSpec(leaf.dtype, 1 - leaf.pattern if is_bool else leaf.pattern ^ 1)
        return leaf

    return mapped(spec, other)


def in_plain_memory(spec: Any) -> Any:
    """The same tree with all tensors in the plain layout."""
    return mapped(spec, lambda leaf: dataclasses.replace(leaf, layout="c") if isinstance(leaf, TensorSpec) else leaf)


def _other_plain(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 1.0 if math.isfinite(value) and value + 1.0 != value else 1.0
    return value + ("x" if isinstance(value, str) else b"x")
