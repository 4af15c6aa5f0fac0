"""`TensorSpec`: one tensor as a small value. Plain Python; a backend always builds the same bits from it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..util.suggestions import nearest
from .base import Spec
from .dtypes import DTYPES, JAX, MXNET, NUMPY, TENSORFLOW, TORCH
from .layouts import LAYOUTS, layout_error

#: Properties of a tensor besides its dtype, shape and layout, and the built-in backends that have them.
TRAITS: dict[str, tuple[str, ...]] = {
    "requires-grad": (TORCH, MXNET),
    "parameter": (TORCH, TENSORFLOW),
    "frozen": (TORCH, TENSORFLOW),
    "subclass": (NUMPY, TORCH),
    "metadata": (NUMPY,),
    "masked": (NUMPY,),
    "sparse-coo": (TORCH, TENSORFLOW),
    "sparse-uncoalesced": (TORCH,),
    "sparse-hybrid": (TORCH,),
    "sparse-csr": (TORCH, MXNET),
    "sparse-csc": (TORCH,),
    "sparse-bsr": (TORCH,),
    "sparse-bsc": (TORCH,),
    "sparse-rows": (TENSORFLOW, MXNET),
    "ragged": (TENSORFLOW,),
    "ragged-twice": (TENSORFLOW,),
    "quantized": (TORCH,),
    "quantized-uint8": (TORCH,),
    "quantized-int32": (TORCH,),
    "quantized-per-channel": (TORCH,),
    "prng-key": (JAX,),
    "prng-key-rbg": (JAX,),
    "legacy": (MXNET,),
    "accelerator": (TORCH, TENSORFLOW, JAX, MXNET),
}

SPANS = ("ordinary", "any")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Fill(Spec):
    """The values of a tensor.

    With ``seed`` 0, all elements are zero. Any other seed starts a counter-based generator, so an
    element depends only on the seed and its index. ``span`` is "ordinary" (finite, not zero, of
    medium size) or "any" (every bit pattern of the dtype). ``specials`` are pairs (index, bit
    pattern) that replace elements. The index is in C order, modulo the number of elements.

    Raises ValueError for an unknown span or an invalid seed.
    """

    seed: int = 0
    span: str = "ordinary"
    specials: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.span not in SPANS:
            raise ValueError(f"unknown span {self.span!r}: {nearest(self.span, SPANS)}")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"a seed must be an int from 0 to 2**64 - 1, not {self.seed!r}")

    def _shown(self, name: str, value: Any) -> str:
        if name != "specials":
            return super()._shown(name, value)
        pairs = [f"({place}, {bits:#x})" for place, bits in value]
        return f"({', '.join(pairs)}{',' if len(pairs) == 1 else ''})"


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class TensorSpec(Spec):
    """One tensor: ``dtype`` (a name of `DTYPES`), ``shape``, memory ``layout``, ``fill`` and ``traits``.

    Raises ValueError, with the possible values, for an unknown name, an invalid shape, or a layout
    that a tensor of this dtype and shape cannot have.
    """

    dtype: str
    shape: tuple[int, ...]
    layout: str = "c"
    fill: Fill = Fill()
    traits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"unknown dtype {self.dtype!r}: {nearest(self.dtype, DTYPES)}")
        if self.layout not in LAYOUTS:
            raise ValueError(f"unknown layout {self.layout!r}: {nearest(self.layout, LAYOUTS)}")
        if type(self.shape) is not tuple or not all(type(size) is int and size >= 0 for size in self.shape):
            raise ValueError(f"a shape must be a tuple of ints of at least 0, not {self.shape!r}")
        for trait in self.traits:
            if trait not in TRAITS:
                raise ValueError(f"unknown trait {trait!r}: {nearest(trait, TRAITS)}")
        if self.layout != "c" and (reason := layout_error(self.layout, self.dtype, self.shape)):
            raise ValueError(reason)

    @property
    def size(self) -> int:
        """Return the number of elements."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def payload(self) -> int:
        """Return the number of bytes of the values, without memory that only the layout needs."""
        return self.size * DTYPES[self.dtype].itemsize
