"""The interface of a backend for tensors: its functions, in the order of each backend's
`tensors.py`, and their results.

A backend knows one framework and the specs. It knows nothing about formats, checks or verdicts.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from ..specs import Capabilities, TensorSpec
from .memory import Memory


class CannotBuild(Exception):
    """Raised for a spec that a backend cannot build.

    The message gives the reason and is shown as the reason of a skip.
    """


@dataclasses.dataclass(slots=True)
class Reading:
    """Everything that can be compared about one tensor, without a copy where the framework allows
    it.

    - ``dtype``: a name of the dtype table, or the framework's name for a dtype that the table
      lacks.
    - ``kind``: the class of the tensor, as ``module.Class``.
    - ``words``: the elements as unsigned words. The array has the tensor's shape, plus one axis
      where an element needs several words.
    - ``objects`` (an array of str, bytes or objects) or ``parts`` (tensors and plain values by
      name, for a tensor that consists of several): used instead of ``words`` where a tensor has no
      words.
    - ``flags``: properties that differ from the default, such as ``requires-grad``.
    - ``strides``: in elements, or None where the framework hides them.
    - ``memory``: None for immutable tensors, because shared memory cannot be observed there.
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
    """The functions of a backend. A backend is a module, or any object with these functions."""

    name: str
    #: The package that must be importable. It is also the distribution whose version is shown.
    package: str
    #: What it can build. A third-party backend may leave this out, and is then checked for
    #: everything.
    capabilities: Capabilities

    def version(self) -> str:
        """Return the version of the framework."""

    def dtypes(self) -> tuple[str, ...]:
        """Return the dtypes that the installed version can create with the current settings."""

    def refusal(self, spec: TensorSpec) -> str | None:
        """Return the reason why this tensor cannot be built here, or None if it can be built."""

    def build(self, spec: TensorSpec) -> Any:
        """Return the tensor that ``spec`` describes, always with the same bits.

        Raises CannotBuild.
        """

    def view(self, tensor: Any, start: int, stop: int) -> Any:
        """Return ``tensor[start:stop]`` in the same memory.

        Raises CannotBuild where tensors are immutable.
        """

    def overwrite(self, tensor: Any, other: Any) -> bool:
        """Copy the values of ``other`` (same shape and dtype) into ``tensor``, in place.

        Returns False if ``tensor`` is not writable.
        """

    def owns(self, leaf: Any) -> bool:
        """Return whether ``leaf`` is a tensor of this framework."""

    def read(self, tensor: Any) -> Reading:
        """Return everything that can be compared about a tensor of this framework."""

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context manager for the global settings that building and loading every spec
        requires.
        """

    def narrow(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context manager in which the framework has no 64-bit types.

        Raises CannotBuild if the framework cannot turn them off.
        """


def missing_capability(spec: TensorSpec, backend: str, capabilities: Capabilities) -> str | None:
    """Return the reason why the capabilities of a backend exclude the layout or a trait of a
    tensor, or None.
    """
    if spec.layout not in capabilities.layouts:
        return f"{backend} has no memory layout {spec.layout!r}"
    for trait in spec.traits:
        if trait not in capabilities.traits:
            return f"{backend} has no tensors with the trait {trait!r}"
    return None


#: The attribute value of instances of subclasses, and of dtypes with metadata.
TAG = "metre"


def attribute_flags(tensor: Any) -> dict[str, Any]:
    """Return the public instance attributes of a tensor as flags, by name.

    Attributes with a leading underscore are private to the class (caches, for example) and are left
    out.
    """
    return {f".{name}": stable_repr(value) for name, value in getattr(tensor, "__dict__", {}).items() if not name.startswith("_")}


def stable_repr(value: Any) -> str:
    """Return a text that is the same for equal values, in every process.

    Plain values and containers of them give their repr. Any other value gives only its class,
    because its repr may contain an address.
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if type(value) is dict:
        return "{" + ", ".join(f"{stable_repr(key)}: {stable_repr(item)}" for key, item in value.items()) + "}"
    if type(value) in (list, tuple):
        return f"{type(value).__name__}({', '.join(map(stable_repr, value))})"
    return f"a {type(value).__module__}.{type(value).__qualname__}"
