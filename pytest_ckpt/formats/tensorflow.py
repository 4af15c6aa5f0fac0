"""What people save TensorFlow tensors and Keras models with: `np.save`, and `save_weights`."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ..expectations import changed, converted, unreadable
from .base import Format


def _save(tree: Any, path: pathlib.Path) -> None:
    np.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return np.load(path, allow_pickle=True)


def _save_weights(model: Any, path: pathlib.Path) -> None:
    model.save_weights(path)


def _load_weights(path: pathlib.Path, model: Any) -> None:
    model.load_weights(path)


_EXTENSION = changed("the .npy header has no name for this type, so it comes back as raw bytes")
_DESCRIPTOR = unreadable("ml_dtypes gives this type a descriptor that numpy writes into the header and cannot parse", defect=True)
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
            "dtype/int[24]": _EXTENSION,
            "dtype/uint[24]": _EXTENSION,
            "dtype/float4_*": _EXTENSION,
            "dtype/float8_*": _EXTENSION,
            "dtype/bfloat16": _EXTENSION,
            "dtype/float8_e5m2": _DESCRIPTOR,
            "bits/float8_e5m2": _DESCRIPTOR,
            "nan-payload/float8_e5m2": _DESCRIPTOR,
            "dtype/qint*": _INTEGERS,
            "dtype/quint*": _INTEGERS,
            "dtype/string": changed("to numpy a tensor of strings is an array of objects"),
            "container/*": _ARRAY,
            "tensor/kind": _NUMPY,
            "tensor/parameter": _NUMPY,
            "tensor/sparse": changed("np.save pickles what it cannot make an array of, and np.load gives an array of one object"),
        },
    ),
    Format(
        name="keras.weights-h5",
        backend="tensorflow",
        save_model=_save_weights,
        load_model=_load_weights,
        suffix=".weights.h5",
    ),
)
