"""The memory layouts that a tensor can be given without a change of its values: a table.

Plain Python: how a layout comes about is each backend's business.
"""

from __future__ import annotations

import dataclasses

from .dtypes import DTYPES, MXNET, NUMPY, TORCH


@dataclasses.dataclass(frozen=True)
class Layout:
    """One row: what the memory looks like, which tensors can have it, and which backends can make it.

    ``rank`` is the smallest number of dimensions; ``exact_rank`` asks for just that many. ``empty`` says whether
    tensors without elements can have the layout, ``kinds`` limits the dtypes (all if empty). ``scattered`` says that the
    elements do not lie one after the other in C order, ``writable`` that a loader may write into such a tensor in place.
    """

    name: str
    description: str
    backends: tuple[str, ...]
    rank: int = 0
    exact_rank: bool = False
    empty: bool = True
    kinds: tuple[str, ...] = ()
    wide: bool = False
    leading: int = 0
    scattered: bool = False
    writable: bool = True


LAYOUTS: dict[str, Layout] = {
    row.name: row
    for row in (
        Layout("c", "dense, last index fastest", ()),
        Layout("transposed", "dense, the last two dimensions swapped", (NUMPY, TORCH), rank=2, scattered=True),
        Layout("fortran", "dense, first index fastest", (NUMPY, TORCH), rank=2, scattered=True),
        Layout("sliced", "every second element of a larger tensor", (NUMPY, TORCH), rank=1, scattered=True),
        Layout("offset", "the end of a larger tensor's memory", (NUMPY, TORCH, MXNET), rank=1),
        Layout("negative-stride", "the last dimension runs backwards", (NUMPY,), rank=1, scattered=True),
        Layout("broadcast", "the first dimension repeats one block", (NUMPY, TORCH), rank=1, leading=2, scattered=True, writable=False),
        Layout("channels-last", "dense NCHW with the channels fastest", (NUMPY, TORCH), rank=4, exact_rank=True, scattered=True),
        Layout("conj", "the memory holds the conjugate, a flag says so", (TORCH,), kinds=("complex",)),
        Layout("neg", "the memory holds the negative, a flag says so", (TORCH,), kinds=("float", "complex"), wide=True),
        Layout("byte-swapped", "the other byte order", (NUMPY,), kinds=("int", "uint", "float", "complex", "time"), wide=True),
        Layout("read-only", "memory that may not be written", (NUMPY,), writable=False),
        Layout("memory-mapped", "memory that is a file", (NUMPY, TORCH), empty=False),
        Layout("window", "a few elements of a base that holds 2**18 more", (NUMPY, TORCH, MXNET), rank=1, empty=False),
    )
}

#: Elements that the base of a "window" holds beside those of the tensor itself.
WINDOW = 1 << 18


def layouts_of(backend: str) -> tuple[str, ...]:
    """The layouts that ``backend`` can make, beginning with the plain one."""
    return tuple(row.name for row in LAYOUTS.values() if row.name == "c" or backend in row.backends)


def misfit(layout: str, dtype: str, shape: tuple[int, ...]) -> str | None:
    """Why a tensor of this dtype and shape cannot have this layout, in words, or None."""
    row = LAYOUTS[layout]
    kind = DTYPES[dtype]
    if row.exact_rank and len(shape) != row.rank:
        return f"layout {layout!r} needs exactly {row.rank} dimensions, the shape is {shape}"
    if len(shape) < row.rank:
        return f"layout {layout!r} needs at least {row.rank} dimension(s), the shape is {shape}"
    if not row.empty and 0 in shape:
        return f"layout {layout!r} needs at least one element, the shape is {shape}"
    if row.leading and shape[0] < row.leading:
        return f"layout {layout!r} needs a first dimension of {row.leading} or more, the shape is {shape}"
    if row.kinds and kind.kind not in row.kinds:
        return f"layout {layout!r} is for {', '.join(row.kinds)} dtypes, not for {dtype}"
    if row.wide and kind.word < 16:
        return f"layout {layout!r} needs elements of two bytes or more, {dtype} has {kind.itemsize}"
    return None
