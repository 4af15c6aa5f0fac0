"""Compare leaves that are not tensors: numbers, texts, sets, classes and functions."""

from __future__ import annotations

import collections
import types
from typing import Any

import numpy as np

from ..backends import get_backend, owner_of
from .objects import MISSING, token
from .tensors import read


def same_content(actual: Any, expected: Any) -> bool:
    """Return whether two leaves of one type have the same content.

    Floats are compared bit for bit.
    """
    if isinstance(expected, set | frozenset):
        return collections.Counter(map(token, actual)) == collections.Counter(map(token, expected))
    if isinstance(expected, type | types.ModuleType) or hasattr(expected, "__qualname__"):
        return bool(_global_name(actual) == _global_name(expected))
    return bool(token(actual) == token(expected)) if isinstance(expected, float | complex) else bool(actual == expected)


def same_number(actual: Any, expected: Any) -> bool:
    """Return whether a leaf of another type has the same number or text as ``expected``.

    For example 1, True and 1.0, or a tensor without dimensions that holds the number.
    """
    reading = get_backend("numpy").read(actual) if isinstance(actual, np.generic) else read(actual)
    if reading is not None:
        if reading.shape != () or reading.words is None or reading.parts is not None:
            return False
        backend = owner_of(actual)
        actual = np.asarray(actual).item() if backend is None or backend.name == "numpy" else _item(actual)
    if isinstance(expected, np.generic):
        expected = expected.item()
    if isinstance(expected, float) and isinstance(actual, float):
        return bool(token(float(actual)) == token(float(expected)))
    try:
        return bool(actual == expected) and isinstance(actual, int | float | complex | str | bytes)
    except Exception:  # the == of a third-party object may raise anything
        return False


def _item(tensor: Any) -> Any:
    try:
        return tensor.item()
    except Exception:  # some tensors cannot be converted to a Python number
        return MISSING


def _global_name(value: Any) -> tuple[Any, Any]:
    """Return the module and name of a class, function or module. A checkpoint stores only these."""
    return getattr(value, "__module__", None), getattr(value, "__qualname__", getattr(value, "__name__", None))
