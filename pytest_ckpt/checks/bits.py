"""The family `bits`: for each dtype, whether every bit pattern is restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..specs import DTYPES, Fill, Spec, TensorSpec, special_patterns
from .dtype import checks_for_dtypes
from .profile import FormatProfile, plain_shapes

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def _bits(profile: FormatProfile, dtype: str) -> Iterator[Spec]:
    """Every bit pattern of this dtype is restored.

    Among them are -0.0, subnormals, infinities, the smallest and largest integers, and bytes of
    0x80 and above. A NaN must be restored as a NaN; `nan-payload` checks which one.

    Why: values are converted to text, to another dtype or to a sentinel and back
    (zarr-developers/zarr-python#3144, lebedov/msgpack-numpy#39, zarr-developers/zarr-python#703,
    h5py/h5py#819).
    What to do: copy whole buffers, and do not compare an element with a fill value by ==.
    """
    patterns = special_patterns(dtype)
    row = DTYPES[dtype]
    for pattern in patterns:
        yield profile.tree_of(TensorSpec(dtype, (1 if row.kind == "object" else 2,), fill=Fill(specials=((0, pattern),))))
    yield profile.tree_of(TensorSpec(dtype, (len(patterns),), fill=Fill(specials=tuple(enumerate(patterns)))))
    if 1 < row.bits <= 16 and row.kind != "complex":
        every = tuple(enumerate(range(1 << row.bits))) if row.bits <= 8 else ()
        yield profile.tree_of(TensorSpec(dtype, (max(len(every), 4096),), fill=Fill(1, "any", every)))
    else:
        yield profile.tree_of(TensorSpec(dtype, (257,), fill=Fill(1, "any")))


def explore_bits(profile: FormatProfile, dtype: str) -> SearchStrategy[Any]:
    """Return a strategy for contiguous tensors of ``dtype`` with any values, special ones included."""
    from ..strategies import tensor_specs

    return profile.drawn_trees(tensor_specs(profile.backend, dtypes=[dtype], layouts=["c"], shapes=plain_shapes()))


BITS = checks_for_dtypes("bits", _bits, explore_bits, judges={"values"})
