"""The family `layout`: whether the values are restored whatever the memory layout of the saved tensor is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..specs import DTYPES, LAYOUTS, Fill, Spec, TensorSpec, in_c_order, layout_error, tensor_specs_in
from ..specs.capabilities import needs_of
from .base import CORE, Check
from .profile import FormatProfile, plain_shapes

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_SHAPES = ((2,), (2, 2), (3, 2), (2, 3, 4), (2, 2, 2, 2), (2, 3, 2, 4))
#: Further dtypes, because a writer may handle only elements of some sizes correctly.
_DTYPES = ("float32", "float64", "int64", "int16", "uint8", "complex64", "complex128", "datetime64")


def _main_dtype(layout: str) -> str:
    """Return the dtype of most examples: float32, or complex64 if only complex tensors can have the layout."""
    kinds = LAYOUTS[layout].kinds
    return "float32" if not kinds or DTYPES["float32"].kind in kinds else "complex64"


def _layout(profile: FormatProfile, layout: str) -> Iterator[Spec]:
    """A tensor {memory} is restored with its values and its shape.

    Why: a writer that takes the raw pointer stores the elements in the order of the memory, but
    with the logical shape (safetensors/safetensors#825, safetensors/safetensors#831,
    pytorch/pytorch#81690, ml-explore/mlx-examples#224, ijl/orjson#472).
    What to do: make the tensor contiguous, in C order and in native byte order, before its bytes
    are copied; or raise in `save`.
    """
    for seed, shape in enumerate(_SHAPES, start=1):
        if not layout_error(layout, _main_dtype(layout), shape):
            yield profile.tree_of(TensorSpec(_main_dtype(layout), shape, layout, Fill(seed)))
    for dtype in _DTYPES:
        if dtype in profile.capabilities.dtypes and not layout_error(layout, dtype, _SHAPES[-1]):
            yield profile.tree_of(TensorSpec(dtype, _SHAPES[-1], layout, Fill(1)))


def _premise(spec: Any) -> tuple[Spec, ...]:
    """Return the same tensors in C order: if these are not restored, `dtype` reports it."""
    main = {"float32", "complex64"}
    return () if {tensor.dtype for tensor in tensor_specs_in(spec)} <= main else (in_c_order(spec),)


def _explore(profile: FormatProfile, layout: str) -> SearchStrategy[Any]:
    from ..strategies import tensor_specs

    row = LAYOUTS[layout]
    shapes = plain_shapes(max(1, row.rank), row.rank if row.exact_rank else 4)
    dtypes = [dtype for dtype in _DTYPES if dtype in profile.capabilities.dtypes and not layout_error(layout, dtype, _SHAPES[-1])]
    return profile.drawn_trees(tensor_specs(profile.backend, dtypes=dtypes, layouts=[layout], shapes=shapes, special_values=False))


def _check(layout: str) -> Check:
    return Check(
        name=f"layout/{layout}",
        level=CORE,
        judges=frozenset({"values", "shape"}),
        examples=lambda profile: _layout(profile, layout),
        explanation=(inspect.getdoc(_layout) or "").format(memory=LAYOUTS[layout].description),
        needs=needs_of({"layouts": layout}),
        explore=lambda profile: _explore(profile, layout),
        premise=_premise,
    )


#: "c" is the ordinary layout, and `alias/file-size-of-view` checks "window".
LAYOUT = tuple(_check(layout) for layout in LAYOUTS if layout not in ("c", "window"))
