"""`TensorSpec`: one tensor as a small value. Plain Python; a backend builds the tensor, always the same bits."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..util.suggestions import nearest
from .base import Spec
from .dtypes import DTYPES, JAX, MXNET, NUMPY, TENSORFLOW, TORCH
from .layouts import LAYOUTS, misfit

#: What a tensor can carry beside dtype, shape and layout, and which backends have it.
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

    ``seed`` 0 is all zeros; any other seeds a counter-based generator, so that an element depends on the seed and
    its own index alone. ``span`` is "ordinary" (finite, never zero, of middling size) or "any" (every bit pattern
    the dtype has). ``specials`` are ``(place, pattern)`` pairs written over that; the place counts elements in
    C order and wraps around, so it means something for every shape that is not empty.
    """

    seed: int = 0
    span: str = "ordinary"
    specials: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.span not in SPANS:
            raise ValueError(f"unknown span {self.span!r}: {nearest(self.span, SPANS)}")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"a seed is an int from 0 to 2**64 - 1, not {self.seed!r}")

    def _shown(self, name: str, value: Any) -> str:
        if name != "specials":
            return super()._shown(name, value)
        pairs = [f"({place}, {bits:#x})" for place, bits in value]
        return f"({', '.join(pairs)}{',' if len(pairs) == 1 else ''})"


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class TensorSpec(Spec):
    """One tensor: ``dtype`` (a name of `DTYPES`), ``shape``, memory ``layout``, ``fill`` and ``traits``.

    Raises ValueError, with what is possible, for an unknown name, a shape that is no shape, or a layout that a
    tensor of this dtype and shape cannot have.
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
            raise ValueError(f"a shape is a tuple of ints that are not negative, not {self.shape!r}")
        for trait in self.traits:
            if trait not in TRAITS:
                raise ValueError(f"unknown trait {trait!r}: {nearest(trait, TRAITS)}")
        if self.layout != "c" and (why := misfit(self.layout, self.dtype, self.shape)):
            raise ValueError(why)

    @property
    def size(self) -> int:
        """How many elements the tensor has."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def payload(self) -> int:
        """How many bytes the values take, without what the layout adds."""
        return self.size * DTYPES[self.dtype].itemsize
