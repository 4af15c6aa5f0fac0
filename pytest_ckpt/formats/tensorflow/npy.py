"""`numpy.save` of TensorFlow's tensors."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ...expectations import changed, converted
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NPY_DESCRIPTOR, NPY_EXTENSION, PICKLE, UNNOTICED


def _save(tree: Any, path: pathlib.Path) -> None:
    np.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return np.load(path, allow_pickle=True)


_INTEGERS = changed("to numpy a quantized tensor is an array of plain integers")

_ARRAY = changed("np.save makes one array of everything: of a list as np.asarray does, of a dict one without dimensions")

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
            **PICKLE,
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
            "dtype/string": changed("to numpy a tensor of strings is an array of objects"),
            "container/*": _ARRAY,
            "tensor/kind": _NUMPY,
            "tensor/parameter": _NUMPY,
            "tensor/sparse": changed("np.save pickles what it cannot make an array of, and np.load gives an array of one object"),
        },
    ),
)
