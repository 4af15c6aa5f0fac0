"""The table of memory layouts, which change the memory of a tensor but not its values.

Plain Python: each backend decides how to create a layout.
"""

from __future__ import annotations

import dataclasses

from .dtypes import DTYPES, MXNET, NUMPY, TORCH


@dataclasses.dataclass(frozen=True)
class Layout:
    """One row: a layout, the tensors that can have it, and the built-in backends that can create it.

    ``description`` completes "a tensor ...". ``rank`` is the smallest number of dimensions, or the
    only possible one if ``exact_rank``. ``empty`` is True if tensors without elements can have the
    layout. ``kinds`` are the possible kinds of dtypes (all if empty), ``wide`` excludes elements of
    one byte, and ``leading`` is the smallest length of the first dimension. ``scattered`` means
    that the elements are not adjacent and in C order, ``writable`` that a loader may write to the
    tensor in place.
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
        Layout("c", "in C order", ()),
        Layout("transposed", "with its last two dimensions swapped in memory", (NUMPY, TORCH), rank=2, scattered=True),
        Layout("fortran", "in Fortran order", (NUMPY, TORCH), rank=2, scattered=True),
        Layout("sliced", "that is every second element of a larger one", (NUMPY, TORCH), rank=1, scattered=True),
        Layout("offset", "that starts inside the memory of a larger one", (NUMPY, TORCH, MXNET), rank=1),
        Layout("negative-stride", "whose last dimension has a negative stride", (NUMPY,), rank=1, scattered=True),
        Layout(
            "broadcast", "whose first dimension is broadcast (stride 0)", (NUMPY, TORCH), rank=1, leading=2, scattered=True, writable=False
        ),
        Layout("channels-last", "in channels-last memory format", (NUMPY, TORCH), rank=4, exact_rank=True, scattered=True),
        Layout("conj", "whose conjugate bit is set", (TORCH,), kinds=("complex",)),
        Layout("neg", "whose negative bit is set", (TORCH,), kinds=("float", "complex"), wide=True),
        Layout(
            "byte-swapped", "in a byte order that is not native", (NUMPY,), kinds=("int", "uint", "float", "complex", "time"), wide=True
        ),
        Layout("read-only", "in read-only memory", (NUMPY,), writable=False),
        Layout("memory-mapped", "in memory that is mapped to a file", (NUMPY, TORCH), empty=False),
        Layout("window", "that is a small view of a base with 2**18 more elements", (NUMPY, TORCH, MXNET), rank=1, empty=False),
    )
}

#: The number of elements that the base of a "window" has in addition to those of the view.
WINDOW = 1 << 18


def layouts_of(backend: str) -> tuple[str, ...]:
    """Return the layouts that the built-in ``backend`` can create, "c" first."""
    return tuple(row.name for row in LAYOUTS.values() if row.name == "c" or backend in row.backends)


def layout_error(layout: str, dtype: str, shape: tuple[int, ...]) -> str | None:
    """Return why a tensor of this dtype and shape cannot have this layout; None if it can."""
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
