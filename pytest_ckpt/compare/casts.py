"""Compare values whose dtype, class or container differs, after a cast that keeps them.

Numbers are compared exactly: nothing is rounded on the way. Knows arrays and plain values, and no
framework.
"""

from __future__ import annotations

import enum
import os
from typing import Any

import ml_dtypes
import numpy as np

from ..backends.base import Reading
from .elements import BLOCK, as_array
from .leaves import same_content, same_number
from .objects import shown, token
from .tensors import read_any

_PLAIN = (bool, int, float, complex, str, bytes)
#: The methods by which libraries turn a sparse tensor into a dense one.
_DENSE = ("to_dense", "todense", "toarray")


def array_of(value: Any) -> Any:
    """Return a tensor, a number, a text, or nested lists of them as an array of numpy; None for
    anything else.

    An array of objects holds what has no dtype, such as text or large integers.
    """
    reading = read_any(value)
    if reading is not None:
        if reading.parts is not None:
            dense = [getattr(value, name) for name in _DENSE if hasattr(value, name)]
            reading = read_any(dense[0]()) if dense else None
        return None if reading is None else array_of_reading(reading)
    if isinstance(value, _PLAIN):
        return _from_plain(value)
    if isinstance(value, list | tuple):
        return _stacked(value)
    return None


def array_of_reading(reading: Reading) -> Any:
    """Return the elements of a tensor as an array of numpy, or None if it has none."""
    if reading.objects is not None:
        return reading.objects
    if reading.words is None:
        return None
    array = as_array(reading.words, reading.dtype, reading.shape)
    if array is not None:
        return array
    try:
        return np.ascontiguousarray(reading.words).view(np.dtype(reading.dtype)).reshape(reading.shape)
    except (TypeError, ValueError):  # a dtype that numpy does not have
        return None


def _from_plain(value: Any) -> Any:
    found = np.empty((), object)
    found[()] = value
    return found


def _stacked(values: list[Any] | tuple[Any, ...]) -> Any:
    """Return nested lists as an array, or None if they are ragged or hold other objects."""
    kinds = set(map(type, values))
    if len(kinds) == 1 and kinds <= {bool, float, complex}:
        return np.array(values)
    parts = [array_of(value) for value in values]
    if not parts:
        return np.empty(0)
    if any(part is None or part.shape != parts[0].shape for part in parts):
        return None
    if len({part.dtype for part in parts}) == 1:
        return np.stack(parts)
    found = np.empty((len(parts), *parts[0].shape), object)
    for place, part in enumerate(parts):
        found[place] = part.astype(object)
    return found


def differing(actual: Any, expected: Any) -> Any:
    """Return a mask of the elements of two arrays of one shape whose values differ.

    None means that no cast keeps the values, so they cannot be compared.
    """
    ours, theirs = expected.reshape(-1), actual.reshape(-1)
    wrong = np.zeros(ours.shape, bool)
    for start in range(0, ours.size, BLOCK):
        part = slice(start, start + BLOCK)
        found = _differing(theirs[part], ours[part])
        if found is None:
            return None
        wrong[part] = found
    return wrong.reshape(expected.shape)


def _differing(actual: Any, expected: Any) -> Any:
    if "O" in (actual.dtype.kind, expected.dtype.kind):
        pairs = zip(actual.astype(object), expected.astype(object), strict=True)
        return np.array([not same_value(ours, theirs) for ours, theirs in pairs], bool)
    actual, expected = _widened(actual), _widened(expected)
    kinds = actual.dtype.kind, expected.dtype.kind
    if all(kind in "iufc" for kind in kinds):
        return (
            _real_differs(actual.real, expected.real) | _real_differs(actual.imag, expected.imag)
            if "c" in kinds
            else _real_differs(actual, expected)
        )
    if all(kind in "US" for kind in kinds):
        return _differing(actual.astype(object), expected.astype(object)) if kinds[0] != kinds[1] else actual != expected
    if kinds in (("M", "M"), ("m", "m")):
        return _times_differ(actual, expected)
    return None


def _widened(array: Any) -> Any:
    """Return numbers as int64, uint64, float64, or wider; other arrays unchanged."""
    kind = array.dtype.kind
    if kind in "bi":
        return array.astype(np.int64)
    if kind == "u":
        return array.astype(np.uint64)
    if kind == "f" and array.itemsize < 8:
        return array.astype(np.float64)
    if kind == "V" and array.dtype.names is None:
        for limits, wider in ((ml_dtypes.finfo, np.float64), (ml_dtypes.iinfo, np.int64)):
            try:
                limits(array.dtype)
            except (ValueError, TypeError, KeyError):
                continue
            return array.astype(wider)
    return array


def _real_differs(actual: Any, expected: Any) -> Any:
    """Compare integers and floats exactly. All NaN are equal, and the zeros have a sign."""
    kinds = actual.dtype.kind + expected.dtype.kind
    with np.errstate(all="ignore"):
        if kinds in ("ii", "uu"):
            return actual != expected
        if kinds == "ff":
            same = (actual == expected) & (np.signbit(actual) == np.signbit(expected))
            return ~(same | (np.isnan(actual) & np.isnan(expected)))
        if "f" not in kinds:
            signed, other = (actual, expected) if kinds[0] == "i" else (expected, actual)
            return (signed < 0) | (signed.astype(np.uint64) != other)
        number, whole = (actual, expected) if kinds[0] == "f" else (expected, actual)
        low, high = (-(2.0**63), 2.0**63) if whole.dtype.kind == "i" else (0.0, 2.0**64)
        inside = (number >= low) & (number < high) & (np.trunc(number) == number) & ~(np.signbit(number) & (number == 0))
        return ~inside | (np.where(inside, number, 0).astype(whole.dtype) != whole)


def _times_differ(actual: Any, expected: Any) -> Any:
    try:
        wider = np.promote_types(actual.dtype, expected.dtype)
    except TypeError:  # months and days have no common unit
        return None
    ours, theirs = expected.astype(wider), actual.astype(wider)
    exact = (ours.astype(expected.dtype) == expected) & (theirs.astype(actual.dtype) == actual)
    return ~((exact & (ours == theirs)) | (np.isnat(expected) & np.isnat(actual)))


def same_value(actual: Any, expected: Any) -> bool:
    """Return whether two leaves, of any types, have the same value."""
    if type(actual) is type(expected):
        return same_content(actual, expected)
    if same_number(actual, expected):
        return True
    for first, second in ((actual, expected), (expected, actual)):
        if isinstance(first, enum.Enum) and same_value(first.value, second):
            return True
        if isinstance(first, os.PathLike) and isinstance(second, str):
            return bool(os.fspath(first) == second)
        if isinstance(first, bytes | bytearray | memoryview) and isinstance(second, str | bytes | bytearray | memoryview):
            return bytes(first) == (second.encode(errors="surrogatepass") if isinstance(second, str) else bytes(second))
        if isinstance(first, range) and isinstance(second, list | tuple | range):
            return list(first) == list(second)
        if isinstance(first, set | frozenset) and isinstance(second, list | tuple | set | frozenset):
            return sorted(map(repr, map(token, first))) == sorted(map(repr, map(token, second)))
    return False


def text_of(element: Any) -> str:
    """Return an element of an array with its dtype, and with all digits of its value."""
    return f"{element.item()!r} ({element.dtype})" if isinstance(element, np.generic) else shown(element, 60)


def rounding(actual: Any, expected: Any) -> str:
    """Return the cause that explains every element if a float was rounded, or an empty text."""
    if actual.dtype.kind not in "fV" or expected.dtype.kind not in "fV" or actual.itemsize >= expected.itemsize:
        return ""
    with np.errstate(all="ignore"):
        try:
            wrong = differing(actual, expected.astype(actual.dtype))
        except (TypeError, ValueError):  # no cast from one to the other
            return ""
    return "" if wrong is None or wrong.any() else f"the values were rounded to {actual.dtype}"
