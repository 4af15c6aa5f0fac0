"""The family `layout`: the values come back whatever the memory of the saved tensor looks like."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..specs import DTYPES, LAYOUTS, Fill, Spec, TensorSpec, in_plain_memory, misfit, tensor_specs_in
from ..specs.capabilities import needs_of
from .base import CORE, Check, FormatProfile, plain_shapes

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_SHAPES = ((2,), (2, 2), (3, 2), (2, 3, 4), (2, 2, 2, 2), (2, 3, 2, 4))


#: Dtypes that are drawn too, since a writer may mind the layout for some sizes of elements alone.
_DRAWN = ("float32", "float64", "int64", "int16", "uint8", "complex64", "complex128", "datetime64")


def _dtype(layout: str) -> str:
    """The dtype that the layout is asked with: float32, or complex where only complex tensors can have it."""
    row = LAYOUTS[layout]
    return "float32" if not row.kinds or DTYPES["float32"].kind in row.kinds else "complex64"


def _layout(asking: FormatProfile, layout: str) -> Iterator[Spec]:
    """A tensor whose memory is special ({memory}) comes back with its values and its shape.

    Why: a writer that takes the raw pointer stores physical bytes under a logical shape
    (safetensors/safetensors#825, safetensors/safetensors#831, pytorch/pytorch#81690, ml-explore/mlx-examples#224,
    ijl/orjson#472).
    What to do: make the tensor dense, in C order and native, before its bytes are taken; or refuse it.
    """
    for seed, shape in enumerate(_SHAPES, start=1):
        if not misfit(layout, _dtype(layout), shape):
            yield asking.carry(TensorSpec(_dtype(layout), shape, layout, Fill(seed)))
    for dtype in _DRAWN:
        if dtype in asking.capabilities.dtypes and not misfit(layout, dtype, _SHAPES[-1]):
            yield asking.carry(TensorSpec(dtype, _SHAPES[-1], layout, Fill(1)))


def _premise(spec: Any) -> tuple[Spec, ...]:
    """A format that does not keep a dtype in plain memory has nothing to say of it in any other; `dtype` asks about that."""
    usual = {"float32", "complex64"}
    return () if {tensor.dtype for tensor in tensor_specs_in(spec)} <= usual else (in_plain_memory(spec),)


def _explore(asking: FormatProfile, layout: str) -> SearchStrategy[Any]:
    from ..strategies import tensor_specs

    row = LAYOUTS[layout]
    shapes = plain_shapes(max(1, row.rank), row.rank if row.exact_rank else 4)
    fitting = [dtype for dtype in _DRAWN if dtype in asking.capabilities.dtypes and not misfit(layout, dtype, _SHAPES[-1])]
    drawn = tensor_specs(asking.backend, dtypes=fitting, layouts=[layout], shapes=shapes, special_values=False)
    return asking.carried(drawn)


def _check(layout: str) -> Check:
    return Check(
        name=f"layout/{layout}",
        level=CORE,
        judges=frozenset({"values", "shape"}),
        needs=needs_of({"layouts": layout}),
        examples=lambda asking: _layout(asking, layout),
        explore=lambda asking: _explore(asking, layout),
        premise=_premise,
        why=(inspect.getdoc(_layout) or "").format(memory=LAYOUTS[layout].what),
    )


LAYOUT = tuple(_check(layout) for layout in LAYOUTS if layout not in ("c", "window"))
