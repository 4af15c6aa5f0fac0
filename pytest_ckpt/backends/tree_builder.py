"""Build the tree that a spec describes, with one backend for its tensors.

Knows specs and `Backend`, no framework.
"""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

from ..specs import (
    DTYPES,
    DataclassSpec,
    Deep,
    DictSpec,
    Fill,
    ListSpec,
    NamedTupleSpec,
    Pair,
    PlainSpec,
    Record,
    SameAs,
    ScalarSpec,
    Spec,
    TensorSpec,
    TupleSpec,
    Unsavable,
    UnsavableSpec,
    ViewOf,
    Wide,
)
from .base import Backend, CannotBuild
from .numpy_dtypes import numpy_dtype
from .spec_values import words


def build_tree(spec: Spec, backend: Backend) -> Any:
    """Return the object that ``spec`` describes. Two calls return equal objects that share no
    memory.

    Raises CannotBuild, with the reason, if this backend cannot build it.
    """
    return _Builder(backend).build(spec)


class _Builder:
    """Builds one tree. It keeps the tensors built so far, since aliases refer to them."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.tensors: list[Any] = []

    def build(self, spec: Spec) -> Any:
        if isinstance(spec, TensorSpec):
            return self._keep(self.backend.build(spec))
        if isinstance(spec, PlainSpec):
            return spec.value
        if isinstance(spec, ListSpec):
            return [self.build(item) for item in spec.items]
        if isinstance(spec, TupleSpec):
            return tuple(self.build(item) for item in spec.items)
        if isinstance(spec, DictSpec):
            pairs = [(key, self.build(item)) for key, item in spec.items]
            return collections.OrderedDict(pairs) if spec.ordered else dict(pairs)
        if isinstance(spec, NamedTupleSpec):
            return Pair(self.build(spec.first), self.build(spec.second))
        if isinstance(spec, DataclassSpec):
            return Record(self.build(spec.first), self.build(spec.second))
        if isinstance(spec, ScalarSpec):
            return scalar(spec)
        if isinstance(spec, Deep):
            tree = self.build(spec.leaf)
            for _ in range(spec.count):
                tree = {"a": tree} if spec.container == "dict" else [tree]
            return tree
        if isinstance(spec, Wide):
            leaves = [self.build(spec.child(index)) for index in range(spec.count)]
            return leaves if spec.container == "list" else {str(index): leaf for index, leaf in enumerate(leaves)}
        if isinstance(spec, UnsavableSpec):
            return Unsavable()
        if isinstance(spec, SameAs):
            return self._keep(self._earlier(spec, spec.index))
        if isinstance(spec, ViewOf):
            return self._keep(self.backend.view(self._earlier(spec, spec.index), spec.start, spec.stop))
        raise CannotBuild(f"a {type(spec).__name__} is not the spec of a tree")

    def _keep(self, tensor: Any) -> Any:
        self.tensors.append(tensor)
        return tensor

    def _earlier(self, spec: Spec, index: int) -> Any:
        if not 0 <= index < len(self.tensors):
            raise CannotBuild(f"{spec!r} refers to tensor {index}, but only {len(self.tensors)} tensors were built before it")
        return self.tensors[index]


def scalar(spec: ScalarSpec) -> Any:
    """Return the NumPy scalar with these bits."""
    own = numpy_dtype(spec.dtype)
    row = DTYPES[spec.dtype]
    if own is None or row.kind in ("struct", "string", "object"):
        raise CannotBuild(f"numpy {np.__version__} has no scalars of dtype {spec.dtype} here")
    fill = Fill(specials=((0, spec.pattern),))
    return words(spec.dtype, (1,), fill).reshape(-1).view(own)[0]
