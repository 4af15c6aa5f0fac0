"""Specs of trees: containers, plain leaves, and tensors that occur more than once. Plain Python, without any framework."""

from __future__ import annotations

import dataclasses
import math
import struct
from typing import Any, NamedTuple

from ..util.suggestions import nearest
from .base import MAX_DEPTH, Spec
from .dtypes import DTYPES
from .tensors import TensorSpec


class Pair(NamedTuple):
    """The named tuple that is built from a `NamedTupleSpec`."""

    first: Any
    second: Any


@dataclasses.dataclass
class Record:
    """The dataclass that is built from a `DataclassSpec`."""

    first: Any
    second: Any


PLAIN_TYPES = (type(None), bool, int, float, str, bytes)
_NANS = (struct.pack("<d", math.nan), struct.pack("<d", -math.nan))


class Tree(Spec):
    """Base of containers. Raises ValueError if specs are nested deeper than `MAX_DEPTH`, and TypeError for a child that is not a spec."""

    depth: int

    def children(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def __post_init__(self) -> None:
        depth = 1
        for child in self.children():
            if not isinstance(child, Spec):
                raise TypeError(f"{type(self).__name__} contains specs, not {type(child).__name__}: {child!r}")
            depth = max(depth, 1 + getattr(child, "depth", 0))
        if depth > MAX_DEPTH:
            raise ValueError(f"specs can be nested to a depth of {MAX_DEPTH}, not {depth}: use Deep(depth, leaf)")
        object.__setattr__(self, "depth", depth)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class PlainSpec(Spec):
    """A plain Python leaf: None, bool, int, float, str or bytes."""

    value: Any

    def __post_init__(self) -> None:
        if type(self.value) not in PLAIN_TYPES:
            names = ", ".join(kind.__name__ for kind in PLAIN_TYPES)
            raise TypeError(f"a plain leaf must be one of {names}, not {type(self.value).__name__}")
        if type(self.value) is float and math.isnan(self.value) and struct.pack("<d", self.value) not in _NANS:
            raise ValueError("a plain leaf cannot be a NaN with a payload: use ScalarSpec")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ScalarSpec(Spec):
    """A NumPy scalar with this ``dtype`` and bit ``pattern``."""

    dtype: str
    pattern: int

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"unknown dtype {self.dtype!r}: {nearest(self.dtype, DTYPES)}")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ListSpec(Tree):
    """A list of ``items``, which are specs."""

    items: tuple[Spec, ...]

    def children(self) -> tuple[Any, ...]:
        return self.items


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class TupleSpec(Tree):
    """A tuple of ``items``, which are specs."""

    items: tuple[Spec, ...]

    def children(self) -> tuple[Any, ...]:
        return self.items


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class DictSpec(Tree):
    """A dict of ``(key, spec)`` pairs in this order, or an `OrderedDict` if ``ordered``."""

    items: tuple[tuple[Any, Spec], ...]
    ordered: bool = False

    def children(self) -> tuple[Any, ...]:
        return tuple(child for _, child in self.items)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len({key for key, _ in self.items}) != len(self.items):
            raise ValueError(f"the keys of a dict must differ, got {[key for key, _ in self.items]!r}")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class NamedTupleSpec(Tree):
    """A named tuple, `Pair`."""

    first: Spec
    second: Spec

    def children(self) -> tuple[Any, ...]:
        return (self.first, self.second)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class DataclassSpec(Tree):
    """A dataclass, `Record`."""

    first: Spec
    second: Spec

    def children(self) -> tuple[Any, ...]:
        return (self.first, self.second)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Deep(Tree):
    """``leaf`` inside ``count`` nested containers: dicts with the key "a", or lists."""

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
    """``count`` leaves like ``leaf`` in one dict, with the keys "0", "1", …, or in one list. Tensors differ in their values."""

    count: int
    leaf: Spec
    container: str = "dict"

    def children(self) -> tuple[Any, ...]:
        return (self.leaf,)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_size(self.count, self.container)

    def child(self, index: int) -> Spec:
        """Return the leaf number ``index``: ``leaf`` with another seed."""
        if isinstance(self.leaf, TensorSpec):
            fill = dataclasses.replace(self.leaf.fill, seed=(self.leaf.fill.seed + index) % (1 << 64))
            return dataclasses.replace(self.leaf, fill=fill)
        return self.leaf


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class SameAs(Spec):
    """A reference to the tensor number ``index``, counted from 0 in the order in which tensors are built."""

    index: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ViewOf(Spec):
    """The view ``tensor[start:stop]`` of the tensor number ``index``."""

    index: int
    start: int
    stop: int


class Unsavable:
    """An object that raises TypeError at every access, so that no format can save it."""

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
    """A leaf that cannot be saved: as the last leaf, it makes `save` fail when most of the work is done."""


def _check_size(count: int, container: str) -> None:
    if type(count) is not int or count < 0:
        raise ValueError(f"a count must be an int of at least 0, not {count!r}")
    if container not in ("dict", "list"):
        raise ValueError(f"unknown container {container!r}: expected dict or list")
