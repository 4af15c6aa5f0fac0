"""`numpy.save` of TensorFlow tensors."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ...expectations import changed, converted, unreadable
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NPY_DESCRIPTOR, NPY_EXTENSION


def _save(tree: Any, path: pathlib.Path) -> None:
    np.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return np.load(path)


_INTEGERS = changed("numpy sees a quantized tensor as an array of plain integers")

_ARRAY = changed("np.save converts a list, a tuple or nested lists to one array, as np.asarray does")

_PICKLED = unreadable(
    "np.save converts the value to an object array and pickles it, and np.load raises an error for pickles unless allow_pickle=True"
)

_NUMPY = converted("np.load always returns NumPy arrays")

FORMATS = (
    Format(
        name="tensorflow.numpy-save",
        backend="tensorflow",
        save=_save,
        load=_load,
        accepts="tensor",
        suffix=".npy",
        expected_failures={
            **IN_PLACE,
            **INTERRUPTIBLE,
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            "dtype/int[24]": NPY_EXTENSION,
            "dtype/uint[24]": NPY_EXTENSION,
            "dtype/float4_*": NPY_EXTENSION,
            "dtype/float8_*": NPY_EXTENSION,
            "dtype/bfloat16": NPY_EXTENSION,
            "dtype/float8_e5m2": NPY_DESCRIPTOR,
            "bits/float8_e5m2": NPY_DESCRIPTOR,
            "nan-payload/float8_e5m2": NPY_DESCRIPTOR,
            "dtype/qint*": _INTEGERS,
            "dtype/quint*": _INTEGERS,
            "*/string": _PICKLED,
            "container/*": _PICKLED,
            "container/list": _ARRAY,
            "container/tuple": _ARRAY,
            "container/nested": _ARRAY,
            "keys/*": _PICKLED,
            "alias/*": _PICKLED,
            "tensor/class": _NUMPY,
            "tensor/parameter": _NUMPY,
            "tensor/sparse": _PICKLED,
        },
    ),
)
