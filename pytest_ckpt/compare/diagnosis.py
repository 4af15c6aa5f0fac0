"""What would explain that a tensor came back with other values: guesses by trying, each a function of the two arrays.

Knows words and dtypes of the table, no format and no framework. A guess is offered only where it explains every element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.numpy_dtypes import numpy_dtype
from ..specs import DTYPES

#: Tensors with more words than this are not guessed about.
MOST = 1 << 20


def likely_cause(actual: Any, expected: Any, dtype: str) -> str:
    """The first guess that explains all of ``actual``, in words; an empty text where none does.

    Both are arrays of words of one shape and differ somewhere.
    """
    if not 1 < expected.size <= MOST or dtype not in DTYPES:
        return ""
    return next((words for words, explains in _GUESSES if explains(actual, expected, dtype)), "")


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


_GUESSES: tuple[tuple[str, Callable[[Any, Any, str], bool]], ...] = (
    ("all elements are zero: nothing was read into them", _zeros),
    ("the bytes of each element stand in the other order", _swapped),
    ("the memory was written as it lies, in another order than the shape says", _other_memory_order),
    ("one axis runs backwards: strides were read without their sign", _reversed),
    ("the values went through float32", _rounded("float32")),
    ("the values went through bfloat16", _rounded("bfloat16")),
    ("the values went through float16", _rounded("float16")),
    ("the same elements in another order", _rearranged),
)
