"""Replace what is outside the domain of a format in an example of a check. Plain Python.

An example has properties that the check is about, and others that any value would do for. The
others are replaced by the most similar ones of the domain.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from typing import Any

from .base import Spec
from .domain import Domain, keys_of
from .dtypes import CHOSEN, DTYPES, special_patterns
from .layouts import layout_error
from .mismatch import LoadInto, Mismatch, NarrowLoad, PartialLoad
from .models import ModelSpec
from .scenarios import NamedScenario, Scenario
from .shapes import nearest_shapes
from .tensors import Fill, TensorSpec
from .training import TrainingSpec
from .tree_ops import mapped, walk
from .trees import DataclassSpec, DictSpec, ListSpec, NamedTupleSpec, ScalarSpec, TupleSpec, ViewOf

#: What an example can keep although it is outside the domain.
DTYPE, SHAPE, KEYS = "dtype", "shape", "keys"
#: The fields of scenarios and mismatches that are trees.
_TREES = ("saved", "other", "old", "target", "tree")
#: From this number of elements on, a tensor with another dtype has as many bytes, not as many elements.
_LARGE = 64
#: With fewer elements than that, integers have any values, not only small ones.
_FEW = 4


def fitted(spec: Spec, domain: Domain, keeps: Collection[str] = ()) -> Spec | None:
    """Return the example with everything in the domain except what ``keeps`` names: DTYPE, SHAPE, KEYS.

    Models and training runs are not changed. Return the example itself if it cannot be fitted, and
    None if it would no longer show what it is made for.
    """
    if not domain.is_limited or isinstance(spec, ModelSpec | LoadInto | PartialLoad | TrainingSpec):
        return spec
    if not isinstance(spec, Scenario | Mismatch | NarrowLoad):
        names = _renamed([spec], domain, keeps)
        found = _fitted_tree(spec, domain, keeps, names)
        return found if _views_exist(found) else spec
    trees = {field: tree for field in _TREES if isinstance(tree := getattr(spec, field, None), Spec) and not isinstance(tree, ModelSpec)}
    names = _renamed(list(trees.values()), domain, keeps)
    changed = {field: _fitted_tree(tree, domain, keeps, names) for field, tree in trees.items()}
    if _must_differ(spec) and len(changed) == 2 and len(set(map(_structure, changed.values()))) < len(set(map(_structure, trees.values()))):
        return None
    return dataclasses.replace(spec, **changed)  # type: ignore[type-var]


def fitted_tensor(spec: TensorSpec, domain: Domain, keeps: Collection[str] = ()) -> TensorSpec:
    """Return the most similar tensor of the domain that can have the layout, or the tensor itself if there is none."""
    dtypes: list[str] = [spec.dtype]
    if DTYPE not in keeps and not domain.has_dtype(spec.dtype) and domain.dtypes is not None:
        # A property such as a gradient or a scale needs the same kind of dtype.
        kind = DTYPES[spec.dtype].kind
        dtypes = [each for each in domain.dtypes if not spec.traits or DTYPES[each].kind == kind] or dtypes
    for dtype in dtypes:
        wanted = _resized(spec.shape, DTYPES[spec.dtype].itemsize, DTYPES[dtype].itemsize)
        shapes = [wanted]
        if SHAPE in keeps:
            shapes = [spec.shape]
        elif domain.shapes is not None and not domain.has_shape(wanted):
            shapes = nearest_shapes(domain.shapes, wanted)
        for shape in shapes:
            if not layout_error(spec.layout, dtype, shape):
                return _changed(spec, dtype, shape)
    return spec


def _resized(shape: tuple[int, ...], itemsize: int, other: int) -> tuple[int, ...]:
    """Return a shape for elements of another size, with as many bytes if the tensor is large."""
    if math.prod(shape) < _LARGE or itemsize == other:
        return shape
    return (max(1, shape[0] * itemsize // other), *shape[1:])


def _changed(spec: TensorSpec, dtype: str, shape: tuple[int, ...]) -> TensorSpec:
    fill = spec.fill
    if dtype != spec.dtype:
        fill = dataclasses.replace(fill, specials=())
        row = DTYPES[dtype]
        if row.kind in ("int", "uint") and math.prod(shape) < _FEW:
            fill = dataclasses.replace(fill, span="any")  # In a text file, small numbers are too short to be damaged.
        if fill.seed and (row.kind in ("bool", *CHOSEN) or (math.prod(shape) == 1 and row.bits <= 16)):
            # Few values are possible. Tensors with neighbouring seeds must differ.
            patterns = special_patterns(dtype)
            fill = dataclasses.replace(fill, specials=((0, patterns[(fill.seed // 10 + fill.seed) % len(patterns)]),))
    return dataclasses.replace(spec, dtype=dtype, shape=shape, fill=fill)


def _renamed(trees: list[Spec], domain: Domain, keeps: Collection[str]) -> dict[Any, Any]:
    """Return for each key that is outside the domain one of the domain that the trees do not use yet, as far as there are any."""
    if domain.keys is None or KEYS in keeps:
        return {}
    used = list(dict.fromkeys(key for tree in trees for node in walk(tree) if isinstance(node, DictSpec) for key in keys_of(node)))
    free = [key for key in domain.keys if key not in used]
    return dict(zip((key for key in used if not domain.has_key(key)), free, strict=False))


def _fitted_tree(spec: Any, domain: Domain, keeps: Collection[str], names: dict[Any, Any]) -> Any:
    def leaf(each: Any) -> Any:
        if isinstance(each, TensorSpec):
            return fitted_tensor(each, domain, keeps)
        if isinstance(each, ScalarSpec) and domain.dtypes and not domain.has_dtype(each.dtype) and DTYPE not in keeps:
            same = [name for name in domain.dtypes if DTYPES[name].kind == DTYPES[each.dtype].kind]
            return ScalarSpec(same[0], 1) if same else each
        return each

    def tree(each: Any) -> Any:
        if isinstance(each, DictSpec):
            # Without enough keys in the domain, a dict has fewer entries.
            keep = domain.keys is None or KEYS in keeps
            items = [(names.get(key, key), item) for key, item in each.items if keep or key in names or domain.has_key(key)]
            return DictSpec(tuple((key, tree(item)) for key, item in items), each.ordered)
        if isinstance(each, ListSpec | TupleSpec):
            return type(each)(tuple(map(tree, each.items)))
        if isinstance(each, NamedTupleSpec | DataclassSpec):
            return type(each)(tree(each.first), tree(each.second))
        return mapped(each, leaf)

    return tree(spec)


def _views_exist(spec: Spec) -> bool:
    """Return whether each view in a tree selects elements of a tensor that is long enough for it."""
    views = [node for node in walk(spec) if isinstance(node, ViewOf)]
    tensors = [node for node in walk(spec) if isinstance(node, TensorSpec)]
    return all(view.index < len(tensors) and tensors[view.index].shape[:1] >= (view.stop,) for view in views)


def _must_differ(spec: Spec) -> bool:
    """Return whether the two trees of an example must have different structures."""
    return isinstance(spec, Mismatch) or (isinstance(spec, NamedScenario) and spec.case == "files/overwrite-other-structure")


def _structure(spec: Spec) -> Spec:
    """Return the tree without values."""
    found: Spec = mapped(spec, lambda leaf: dataclasses.replace(leaf, fill=Fill()) if isinstance(leaf, TensorSpec) else leaf)
    return found
