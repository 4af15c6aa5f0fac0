"""Find a likely cause for different values in a tensor. Each cause is a predicate that is tried on
both arrays.

Knows words and dtypes of the table, but no format and no framework. A cause must explain every
element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.numpy_dtypes import numpy_dtype
from ..specs import DTYPES

#: Tensors with more words than this are not diagnosed.
MAX_WORDS = 1 << 20


def likely_cause(actual: Any, expected: Any, dtype: str) -> str:
    """Return the first cause that explains all elements of ``actual``, or an empty text.

    Both arguments are arrays of words with the same shape and at least one difference.
    """
    if not 1 < expected.size <= MAX_WORDS or dtype not in DTYPES:
        return ""
    return next((cause for cause, explains in _CAUSES if explains(actual, expected, dtype)), "")


def _zeros(actual: Any, expected: Any, dtype: str) -> bool:
    return not actual.any()


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
    ("the byte order of each element is swapped", _swapped),
    ("the memory was written without regard to the strides, so the axes are in another order", _other_memory_order),
    ("one axis is reversed, so the sign of a stride was lost", _reversed),
    ("the values were rounded to float32", _rounded("float32")),
    ("the values were rounded to bfloat16", _rounded("bfloat16")),
    ("the values were rounded to float16", _rounded("float16")),
    ("the elements are the same, but in another order", _rearranged),
)
