"""What every backend gives: the verbs, in the order in which each backend's file has them, and what they return.

A backend knows one framework, specs and words. It knows nothing of formats, checks or verdicts.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ..specs import Capabilities, TensorSpec
from .spec_values import word_type


class CannotBuild(Exception):
    """A spec that the backend cannot build; the message says in words what and why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """Where the elements of a tensor lie: first address, strides in bytes, bytes per element."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int


@dataclasses.dataclass(slots=True)
class Reading:
    """What can be seen of one tensor, without a copy where the framework allows it.

    ``dtype`` is a name of the table, or the framework's own where the table has none. ``words`` has the tensor's
    shape, plus one axis where an element takes several words; ``objects`` (str, bytes or objects) or ``parts``
    (named tensors and plain values, for a tensor made of several) stand in its place where there are no words.
    ``strides`` count elements, and are None where the framework does not show them. ``memory`` is None for
    immutable tensors, whose sharing nobody can see. ``flags`` holds only what is not the ordinary case.
    """

    dtype: str
    shape: tuple[int, ...]
    kind: str
    words: Any = None
    objects: Any = None
    parts: Mapping[str, Any] | None = None
    flags: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    strides: tuple[int, ...] | None = None
    memory: Memory | None = None


class Backend(Protocol):
    """The verbs of a backend. A module is one, and so may any object of a third party be."""

    name: str
    #: The package that has to be importable, and the distribution whose version is shown.
    package: str
    #: What it can build. A third-party backend may leave this out, and is then checked for everything.
    capabilities: Capabilities

    def version(self) -> str:
        """The framework's version."""

    def dtypes(self) -> tuple[str, ...]:
        """The dtypes that can be created here, with the installed version and the current settings."""

    def refusal(self, spec: TensorSpec) -> str | None:
        """Why this tensor cannot be built here, in words; None if it can."""

    def build(self, spec: TensorSpec) -> Any:
        """The tensor that ``spec`` describes, always with the same bits. Raises CannotBuild."""

    def view(self, tensor: Any, start: int, stop: int) -> Any:
        """``tensor[start:stop]`` in the same memory. Raises CannotBuild where tensors are immutable."""

    def overwrite(self, tensor: Any, other: Any) -> bool:
        """Puts the values of ``other``, which has the same shape and dtype, into ``tensor``, in place. False where it cannot be
        written to."""

    def owns(self, leaf: Any) -> bool:
        """Whether ``leaf`` is a tensor of this framework."""

    def read(self, tensor: Any) -> Reading:
        """Everything that can be compared about a tensor of this framework."""

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """The global settings under which every spec can be built and loaded; undone on leaving."""

    def narrow(self) -> contextlib.AbstractContextManager[Any]:
        """The settings under which the framework has no 64-bit types; undone on leaving. Raises CannotBuild where it always has
        them."""


#: The attribute that instances of subclasses, and dtypes with metadata, are built with.
TAG = "metre"


def attribute_flags(tensor: Any) -> dict[str, Any]:
    """The instance's own attributes, as flags by name. Names that begin with an underscore are the class's own business:
    caches are kept there."""
    return {f".{name}": stable(value) for name, value in getattr(tensor, "__dict__", {}).items() if not name.startswith("_")}


def stable(value: Any) -> str:
    """A value as text that is the same for an equal value: plain values and containers of them as Python writes them, any
    other by its class alone, since its repr may hold an address."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if type(value) is dict:
        return "{" + ", ".join(f"{stable(key)}: {stable(item)}" for key, item in value.items()) + "}"
    if type(value) in (list, tuple):
        return f"{type(value).__name__}({', '.join(map(stable, value))})"
    return f"a {type(value).__module__}.{type(value).__qualname__}"


class _Interface:
    """An array interface over memory that somebody else owns."""

    def __init__(self, owner: Any, interface: dict[str, Any]) -> None:
        self.owner = owner
        self.__array_interface__ = interface


def words_at(owner: Any, memory: Memory, word: int, count: int = 1) -> Any:
    """A view of memory as unsigned words of ``word`` bits, ``count`` an element; ``owner`` is kept alive."""
    shape, strides = memory.shape, memory.strides
    if count > 1:
        shape, strides = (*shape, count), (*strides, word // 8)
    if 0 in shape:
        return np.empty(shape, word_type(word))
    interface = {"data": (memory.address, True), "shape": shape, "strides": strides, "typestr": f"<u{word // 8}", "version": 3}
    return np.asarray(_Interface(owner, interface))


def overlap(first: Memory, second: Memory) -> bool:
    """Whether two tensors share an element's memory; exact but where that would take too long, then by bounds."""
    arrays = [
        np.asarray(
            _Interface(
                None,
                {"data": (m.address, True), "shape": m.shape, "strides": m.strides, "typestr": f"|V{m.itemsize}", "version": 3},
            )
        )
        for m in (first, second)
    ]
    try:
        return bool(np.shares_memory(arrays[0], arrays[1], max_work=10_000))  # type: ignore[arg-type]
    except RuntimeError:  # numpy's TooHardError, which has moved between versions
        return True


def bounds(memory: Memory) -> tuple[int, int]:
    """First address and the address after the last; equal for a tensor without elements."""
    if 0 in memory.shape:
        return memory.address, memory.address
    low = high = memory.address
    for length, stride in zip(memory.shape, memory.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + memory.itemsize
