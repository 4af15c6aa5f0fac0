"""Compare the elements of two tensors, whole buffers at a time, and describe the elements that
differ.

Knows no framework. The elements are arrays of unsigned integers (words), with the dtype's row of
the table.
"""

from __future__ import annotations

import ctypes
import functools
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends.numpy_dtypes import numpy_dtype
from ..backends.spec_values import word_type
from ..specs import DTYPES, DType, Float, is_nan

#: The number of words that are compared at once where memcmp is not possible. It limits the
#: temporary memory.
BLOCK = 1 << 15
#: The number of differing elements that a difference shows.
SHOWN = 5


@functools.cache
def _memcmp() -> Any:
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    compare = library.memcmp
    compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    compare.restype = ctypes.c_int
    return compare


def dense_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the order of axes in which the memory is contiguous, or None if it is not dense.

    ``strides`` are in elements. Axes of length one come last in the order, since their strides do
    not matter.
    """
    axes = sorted((axis for axis, length in enumerate(shape) if length != 1), key=lambda axis: -strides[axis])
    expected = 1
    for axis in reversed(axes):
        if strides[axis] != expected:
            return None
        expected *= shape[axis]
    return (*axes, *(axis for axis, length in enumerate(shape) if length == 1))


def _same_memory_order(first: Any, second: Any) -> tuple[Any, Any] | None:
    """Return both arrays, permuted so that both are C-contiguous, or None if no permutation
    achieves that.
    """
    if first.flags.c_contiguous and second.flags.c_contiguous:
        return first, second
    size = first.itemsize
    order = dense_order(first.shape, tuple(stride // size for stride in first.strides))
    if order is None:
        return None
    first, second = first.transpose(order), second.transpose(order)
    return (first, second) if first.flags.c_contiguous and second.flags.c_contiguous else None


def _mask(row: DType | None) -> Any:
    if row is None or row.kind in ("bool", "text", "bytes") or not row.has_padding():
        return None
    values = [row.mask >> row.word * place & (1 << row.word) - 1 for place in range(row.words)]
    return np.array(values if row.words > 1 else values[0], word_type(row.word))


def equal(first: Any, second: Any, row: DType | None) -> bool:
    """Return whether two arrays of words with the same shape have the same value bits.

    ``row`` gives the padding bits.
    """
    if first.size == 0:
        return True
    mask = _mask(row)
    if mask is None and (pair := _same_memory_order(first, second)):
        return not _memcmp()(pair[0].ctypes.data, pair[1].ctypes.data, pair[0].nbytes)
    for block, _ in _blocks(first.shape):
        differs = first[block] ^ second[block]
        if mask is not None:
            differs &= mask
        if differs.any():
            return False
    return True


def _blocks(shape: tuple[int, ...], width: int = 1) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Yield indices of blocks of at most `BLOCK` words, each with the flat index of its first
    element.

    ``width`` is the number of words per element. A block contains only whole elements.
    """
    inner = 1
    axis = len(shape)
    most = max(1, BLOCK // max(1, width))
    while axis and inner * shape[axis - 1] <= most:
        axis -= 1
        inner *= shape[axis]
    if axis == 0:
        yield (), 0
        return
    axis -= 1
    step = max(1, most // inner)
    place = 0
    for outer in np.ndindex(*shape[:axis]):
        for start in range(0, shape[axis], step):
            yield (*outer, slice(start, start + step)), place + start * inner
        place += shape[axis] * inner


class Mismatches:
    """The elements that differ, by aspect (value, or only the payload of a NaN): their number, and
    the first of them as text.
    """

    def __init__(self) -> None:
        self.counts = {"values": 0, "nan-payload": 0}
        self.first: dict[str, list[str]] = {"values": [], "nan-payload": []}


def mismatches(actual: Any, expected: Any, dtype: str, shape: tuple[int, ...]) -> Mismatches:
    """Return the mismatches of two arrays of words that are not `equal`; ``shape`` and ``dtype``
    are the tensor's.
    """
    found = Mismatches()
    row = element_row(dtype)
    mask = _mask(row)
    width = expected.shape[-1] if len(expected.shape) > len(shape) else 1
    for block, place in _blocks(shape, width):
        ours, theirs = expected[block], actual[block]
        differs = ours ^ theirs if mask is None else (ours ^ theirs) & mask
        wrong = differs != 0
        if not wrong.any():
            continue
        ours, theirs = ours.reshape(-1, width), theirs.reshape(-1, width)
        values, payload = _split(wrong.reshape(-1, width), ours, theirs, row)
        for aspect, where in (("values", values), ("nan-payload", payload)):
            places = np.flatnonzero(where)
            found.counts[aspect] += len(places)
            for index in places[: SHOWN - len(found.first[aspect])].tolist():
                at = np.unravel_index(place + index, shape) if shape else ()
                found.first[aspect].append(_line(tuple(int(i) for i in at), ours[index], theirs[index], dtype))
    return found


def _split(wrong: Any, ours: Any, theirs: Any, row: DType | None) -> tuple[Any, Any]:
    """Return which elements differ in value, and which are NaN on both sides and differ only in the
    payload.
    """
    any_wrong = wrong.any(axis=1)
    if row is None or row.float is None:
        return any_wrong, np.zeros_like(any_wrong)
    values = np.zeros_like(any_wrong)
    width = row.words // row.parts
    for part in range(row.parts):
        cut = slice(part * width, (part + 1) * width)
        both = nan_mask(ours[:, cut], row.float, row.word) & nan_mask(theirs[:, cut], row.float, row.word)
        values |= wrong[:, cut].any(axis=1) & ~both
    return values, any_wrong & ~values


@functools.cache
def _small_nans(parts: Float) -> Any:
    return np.array([is_nan(parts, bits) for bits in range(256)])


def nan_mask(words: Any, parts: Float, word: int) -> Any:
    """Return which of the floating-point numbers in ``words``, of shape (n, words per number), are
    NaN.
    """
    if parts.nans == "x87":
        return ((words[:, 1] & 0x7FFF) == 0x7FFF) & ((words[:, 0] << np.uint64(1)) != 0)
    if word == 8:
        low = (1 << (parts.exponent + parts.mantissa + parts.signed)) - 1
        return _small_nans(parts)[words[:, 0] & low]
    infinity = ((1 << parts.exponent) - 1) << parts.mantissa
    magnitude = words[:, 0] & word_type(word)((1 << (parts.exponent + parts.mantissa)) - 1)
    return magnitude > word_type(word)(infinity)


def pattern_of(words: Any, row: DType | None) -> int:
    """Return the bit pattern of one element, without padding."""
    size = row.word if row else words.itemsize * 8
    pattern = sum(int(word) << size * place for place, word in enumerate(words))
    return pattern & row.mask if row and row.kind not in ("text", "bytes") else pattern


def number(own: np.dtype[Any] | None, words: Any) -> str:
    """Return one element as numpy prints it, or an empty text if numpy has no such dtype."""
    if own is None or own.hasobject:
        return ""
    text = str(np.ascontiguousarray(words).view(own)[0])
    text = repr(text) if own.kind == "U" else text
    return text if len(text) <= 60 else f"{text[:59]}…"


def as_array(words: Any, dtype: str, shape: tuple[int, ...]) -> Any:
    """Return a tensor's words as a numpy array of its dtype, or None if numpy has no such dtype."""
    own = numpy_dtype(dtype) if dtype in DTYPES else None
    if own is None or own.hasobject or words is None:
        return None
    return np.ascontiguousarray(words).view(own).reshape(shape)


def _numpy_dtype(name: str) -> Any:
    try:
        return np.dtype(name)
    except TypeError:  # a dtype that numpy does not have
        return None


def _line(at: tuple[int, ...], ours: Any, theirs: Any, dtype: str) -> str:
    row = element_row(dtype)
    own = numpy_dtype(dtype) if row else _numpy_dtype(dtype)
    digits = math.ceil((row.bits if row and row.bits else len(ours) * ours.itemsize * 8) / 4)
    sides = []
    for words in (ours, theirs):
        is_text = own is not None and own.kind in "US"
        text, bits = number(own, words), "" if is_text or digits > 64 else f"{pattern_of(words, row):#0{digits + 2}x}"
        sides.append(f"{bits} ({text})" if text and bits else text or bits or "other bytes")
    return f"[{', '.join(map(str, at))}] expected {sides[0]}, got {sides[1]}"


def element_row(dtype: str) -> DType | None:
    """Return the row of the dtype table for a name, or None for a dtype that the table does not
    have.
    """
    return DTYPES.get(dtype)
