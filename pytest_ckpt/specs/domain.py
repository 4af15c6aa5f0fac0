"""`Domain`: the dtypes, shapes and keys that a format accepts. Plain Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..util.names import checked_names
from .base import Spec
from .dtypes import DTYPES, EVERY, dtypes_of
from .shapes import Pattern, matches
from .tensors import TensorSpec
from .tree_ops import walk
from .trees import Deep, DictSpec, SameAs, ScalarSpec, ViewOf, Wide

#: How many values of one limit a text shows.
_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Domain:
    """Limits of what a format accepts, in addition to the containers of its ``accepts``.

    ``dtypes`` are names of dtypes, ``shapes`` are patterns (`pytest_ckpt.specs.shapes`), and
    ``keys`` are keys of dicts. None is no limit.
    """

    dtypes: tuple[str, ...] | None = None
    shapes: tuple[Pattern, ...] | None = None
    keys: tuple[Any, ...] | None = None

    @property
    def is_limited(self) -> bool:
        """Return whether there is any limit."""
        return any(limit is not None for limit in (self.dtypes, self.shapes, self.keys))

    def has_dtype(self, dtype: str) -> bool:
        """Return whether tensors of ``dtype`` are in the domain."""
        return self.dtypes is None or dtype in self.dtypes

    def has_shape(self, shape: tuple[int, ...]) -> bool:
        """Return whether tensors of ``shape`` are in the domain."""
        return self.shapes is None or any(matches(pattern, shape) for pattern in self.shapes)

    def has_key(self, key: Any) -> bool:
        """Return whether ``key`` is in the domain. True and 1 are different keys."""
        return self.keys is None or any(type(key) is type(each) and key == each for each in self.keys)

    def has(self, spec: Spec) -> bool:
        """Return whether all tensors, NumPy scalars and keys of a tree are in the domain."""
        if not self.is_limited:
            return True
        tensors: list[TensorSpec | None] = []
        for node in walk(spec):
            if not all(map(self.has_key, keys_of(node))):
                return False
            if isinstance(node, ScalarSpec) and not (self.has_dtype(node.dtype) and self.has_shape(())):
                return False
            if isinstance(node, TensorSpec | SameAs | ViewOf):
                tensor = _tensor(node, tensors)
                tensors.append(tensor)
                if tensor is not None and not (self.has_dtype(tensor.dtype) and self.has_shape(tensor.shape)):
                    return False
        return True

    def described(self) -> str:
        """Return the limits as text, such as "dtypes=['uint8'], shapes=[(None, None)]"."""
        limits = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return ", ".join(f"{name}={_shortened(limit)}" for name, limit in limits.items() if limit is not None)


NO_LIMITS = Domain()


def checked_dtypes(backend: str, dtypes: Any) -> tuple[str, ...]:
    """Return names of dtypes as a tuple; one string is one name.

    Raise TypeError or ValueError, with what is allowed, for anything else. Only for built-in
    backends it is known without an import which dtypes they have.
    """
    if not isinstance(dtypes, Iterable) or isinstance(dtypes, bytes):
        raise TypeError(f"dtypes must be a list of names such as ['float32'], not {dtypes!r}")
    return checked_names(dtypes, dtypes_of(backend) if backend in EVERY else DTYPES, "dtype")


def checked_keys(keys: Any) -> tuple[Any, ...]:
    """Return keys of dicts as a tuple. Raise TypeError or ValueError, with what is allowed, if they are not."""
    if isinstance(keys, str | bytes) or not isinstance(keys, Iterable):
        raise TypeError(f"keys must be a list of keys such as ['weight', 'bias'], or a strategy of keys, not {keys!r}")
    found = tuple(keys)
    for key in found:
        try:
            hash(key)
        except TypeError:
            raise TypeError(f"a key of a dict must be hashable, not {key!r}") from None
    if not found:
        raise ValueError("no key is left to draw from")
    return found


def shown_limit(limit: Collection[Any]) -> str:
    """Return Python code for one limit: a list, with ``...`` for Ellipsis."""
    return repr(list(limit)).replace("Ellipsis", "...")


def _shortened(limit: Sequence[Any]) -> str:
    shown = shown_limit(limit[:_SHOWN])
    return shown if len(limit) <= _SHOWN else f"{shown[:-1]}, and {len(limit) - _SHOWN} more]"


def keys_of(node: Spec) -> tuple[Any, ...]:
    """Return the keys of the dicts that a node of a tree stands for."""
    if isinstance(node, DictSpec):
        return tuple(key for key, _ in node.items)
    if isinstance(node, Deep) and node.container == "dict":
        return ("a",)
    return tuple(map(str, range(node.count))) if isinstance(node, Wide) and node.container == "dict" else ()


def _tensor(node: TensorSpec | SameAs | ViewOf, before: list[TensorSpec | None]) -> TensorSpec | None:
    """Return the tensor that a leaf is or refers to; None for a reference to a tensor that does not exist."""
    if isinstance(node, TensorSpec):
        return node
    base = before[node.index] if node.index < len(before) else None
    if base is None or isinstance(node, SameAs) or not base.shape:
        return base
    return TensorSpec(base.dtype, (len(range(base.shape[0])[node.start : node.stop]), *base.shape[1:]))
