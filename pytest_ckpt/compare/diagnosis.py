"""Find a likely cause for different values in a tensor. Each cause is a predicate that is tried on
both arrays.

Knows words and dtypes of the table, but no format and no framework. A cause must explain every
element.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.numpy_dtypes import numpy_dtype
from ..specs import DTYPES

#: Tensors with more words than this are not diagnosed.
MAX_WORDS = 1 << 21


def likely_cause(actual: Any, expected: Any, dtype: str) -> str:
    """Return the first cause that explains all elements of ``actual``, or an empty text.

    Both arguments are arrays of words with the same shape and at least one difference.
    """
    if not 1 < expected.size <= MAX_WORDS or dtype not in DTYPES:
        return ""
    return next((cause for cause, explains in _CAUSES if explains(actual, expected, dtype)), "") or fill_block(actual, expected, dtype)


def shape_cause(actual: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Return what was done to a tensor whose shape differs, or an empty text."""
    long, actual_long = ([length for length in shape if length != 1] for shape in (expected, actual))
    if long == actual_long:
        return f"axes of length 1 were {'removed' if len(actual) < len(expected) else 'added'}"
    if sorted(actual) == sorted(expected):
        return "the axes are in another order"
    if math.prod(actual) == math.prod(expected) and expected:
        return "the tensor was flattened" if len(actual) == 1 else "the tensor was reshaped"
    return ""


def fill_block(actual: Any, expected: Any, dtype: str) -> str:
    """Return which block of a tensor contains nothing but zeros, NaN or one other value, if all differences are in it."""
    axes = len(expected.shape) - (DTYPES[dtype].words > 1)
    if axes < 1 or not all(expected.shape):
        return ""
    elements = (*expected.shape[:axes], -1)
    ours, theirs = np.ascontiguousarray(expected).reshape(elements), np.ascontiguousarray(actual).reshape(elements)
    wrong = (ours != theirs).any(axis=-1)
    places = np.argwhere(wrong)
    # Small elements have the same value by chance.
    if len(places) < (2 if (DTYPES[dtype].bits or 64) > 8 else 8):
        return ""
    fill = theirs[tuple(places[0])]
    first, last = places.min(axis=0), places.max(axis=0)
    box = tuple(slice(int(start), int(stop) + 1) for start, stop in zip(first, last, strict=True))
    if (theirs[box] == fill).all():
        return _sentence(*_block(box, wrong.shape), _content(fill, dtype))
    # A part of the file may end within a row.
    flat = np.flatnonzero(wrong)
    start, stop = int(flat[0]), int(flat[-1])
    if (theirs.reshape(wrong.size, -1)[start : stop + 1] == fill).all():
        return _sentence(f"the elements {start} to {stop}, counted in C order,", True, _content(fill, dtype))
    return ""


def _block(box: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[str, bool]:
    """Return the name of a block, and whether it is a plural: complete rows or columns by number, others as an index."""
    narrow = [axis for axis, part in enumerate(box) if part.stop - part.start < shape[axis]]
    if not narrow:
        return "the tensor", False
    if len(narrow) > 1 or (narrow[0] and len(shape) > 2):
        whole = (":" if axis not in narrow else f"{part.start}:{part.stop}" for axis, part in enumerate(box))
        return f"the block [{', '.join(whole)}]", False
    name = "element" if len(shape) == 1 else ("row", "column")[narrow[0]]
    part = box[narrow[0]]
    return (f"{name} {part.start}", False) if part.stop - part.start == 1 else (f"{name}s {part.start} to {part.stop - 1}", True)


def _sentence(block: str, plural: bool, content: str) -> str:
    return f"{block} contain{'' if plural else 's'} only {content}: this block was not written or not read"


def _content(fill: Any, dtype: str) -> str:
    """Return the value that fills a block."""
    own = numpy_dtype(dtype)
    if not fill.any():
        return "zeros"
    if own is None or own.hasobject:
        return "one value"
    number = np.ascontiguousarray(fill).view(own)[0]
    return "NaN" if number != number else f"the value {number}"


def _zeros(actual: Any, expected: Any, dtype: str) -> bool:
    if not actual.any():
        return True
    numbers = _numbers(actual, dtype)  # a zero may have a sign
    return numbers is not None and not numbers.any()


def _nans(actual: Any, expected: Any, dtype: str) -> bool:
    numbers = _numbers(actual, dtype)
    return numbers is not None and bool(np.isnan(numbers).all())


def _numbers(words: Any, dtype: str) -> Any:
    """Return the elements of a tensor of floats as float64, and None for other dtypes."""
    own = numpy_dtype(dtype)
    if DTYPES[dtype].kind != "float" or own is None:
        return None
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(words).view(own).astype(np.float64)


def _swapped(actual: Any, expected: Any, dtype: str) -> bool:
    return bool(expected.itemsize > 1 and np.array_equal(actual, expected.byteswap()))


def _other_memory_order(actual: Any, expected: Any, dtype: str) -> bool:
    axes = len(expected.shape) - (DTYPES[dtype].words > 1)
    if axes < 2:
        return False
    orders = [(*range(axes - 2), axes - 1, axes - 2), tuple(reversed(range(axes))), (0, *range(2, axes), 1)]
    rest = tuple(range(axes, len(expected.shape)))
    return any(np.array_equal(actual.reshape(-1), expected.transpose(*order, *rest).reshape(-1)) for order in orders)


def _reversed(actual: Any, expected: Any, dtype: str) -> bool:
    axes = len(expected.shape) - (DTYPES[dtype].words > 1)
    return any(np.array_equal(actual, np.flip(expected, axis)) for axis in range(axes))


def _rearranged(actual: Any, expected: Any, dtype: str) -> bool:
    return DTYPES[dtype].words == 1 and np.array_equal(np.sort(actual, axis=None), np.sort(expected, axis=None))


def _rounded(through: str) -> Callable[[Any, Any, str], bool]:
    def explains(actual: Any, expected: Any, dtype: str) -> bool:
        own, other = numpy_dtype(dtype), numpy_dtype(through)
        if DTYPES[dtype].kind != "float" or own is None or other is None or own.itemsize <= other.itemsize:
            return False
        with np.errstate(all="ignore"):
            rounded = np.ascontiguousarray(expected).view(own).astype(other).astype(own)
        return np.array_equal(np.ascontiguousarray(actual), rounded.view(expected.dtype))

    return explains


_CAUSES: tuple[tuple[str, Callable[[Any, Any, str], bool]], ...] = (
    ("all elements are zero, so no data was read into the tensor", _zeros),
    ("all elements are NaN, so no data was read into the tensor", _nans),
    ("the byte order of each element is swapped", _swapped),
    ("the axes are in another order: the memory was written without regard to the strides", _other_memory_order),
    ("one axis is reversed, so the sign of a stride was lost", _reversed),
    ("the values were rounded to float32", _rounded("float32")),
    ("the values were rounded to bfloat16", _rounded("bfloat16")),
    ("the values were rounded to float16", _rounded("float16")),
    ("the elements are the same, but in another order", _rearranged),
)
