"""`numpy.save` of TensorFlow's tensors."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ...expectations import changed, converted, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NPY_DESCRIPTOR, NPY_EXTENSION, UNNOTICED


def _save(tree: Any, path: pathlib.Path) -> None:
    np.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return np.load(path)


_INTEGERS = changed("to numpy a quantized tensor is an array of plain integers")

_ARRAY = changed("np.save makes one array of a list, a tuple or nested lists, as np.asarray does")

_PICKLED = unreadable("np.save makes an array of objects of it and pickles that, and np.load does not unpickle unless it is told to")

_NUMPY = converted("np.load gives NumPy arrays, whatever was saved")

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
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
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
