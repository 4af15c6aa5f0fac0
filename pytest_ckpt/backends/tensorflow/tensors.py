"""Build and read tensors and variables of TensorFlow.

Tensors are immutable, so only variables can share memory.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from typing import Any

import numpy as np

# TensorFlow reads these when it is imported. It logs on import, and the rounding of oneDNN depends
# on the machine. `setdefault` keeps the values that the user has set.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import tensorflow as tf

from ...specs import DTYPES, TensorSpec, capabilities_of, dtypes_of
from .. import spec_values
from ..base import CannotBuild, Reading, missing_capability
from ..memory import Memory, view_as_words
from ..numpy_dtypes import numpy_dtype

name = "tensorflow"
package = "tensorflow"
capabilities = capabilities_of(name)

#: Quantized dtypes, and the integer dtype that stores them.
_QUANTIZED = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}
_COMPOSITE = ("sparse-coo", "sparse-rows", "ragged", "ragged-twice")


def version() -> str:
    return str(tf.__version__)


@functools.cache
def _can_hold(dtype: str) -> bool:
    """Return whether this version has tensors of the dtype.

    TensorFlow has no list of them, so this builds one.
    """
    if dtype in _QUANTIZED or dtype == "string":
        return True
    own = numpy_dtype(dtype)
    if own is None:
        return False
    try:
        return bool(tf.constant(np.zeros(2, own)).dtype.name == dtype)
    except Exception:  # TensorFlow raises several exception types for an unsupported dtype
        return False


def dtypes() -> tuple[str, ...]:
    return tuple(dtype for dtype in dtypes_of(name) if _can_hold(dtype))


def refusal(spec: TensorSpec) -> str | None:
    if spec.dtype not in capabilities.dtypes or not _can_hold(spec.dtype):
        return f"tensorflow {version()} has no dtype {spec.dtype}"
    if len(spec.shape) > 254:
        return f"tensorflow has no tensors with {len(spec.shape)} dimensions"
    if reason := missing_capability(spec, name, capabilities):
        return reason
    if "accelerator" in spec.traits and not tf.config.list_physical_devices("GPU"):
        return "tensorflow found no accelerator on this machine"
    composite = [trait for trait in spec.traits if trait in _COMPOSITE]
    if composite and (spec.dtype != "float32" or len(spec.shape) != 2 or 0 in spec.shape):
        return f"tensors with the trait {composite[0]!r} must be float32, two-dimensional and not empty"
    return None


def build(spec: TensorSpec) -> Any:
    if reason := refusal(spec):
        raise CannotBuild(reason)
    if any(trait in _COMPOSITE for trait in spec.traits):
        return _composite(spec)
    with tf.device("GPU:0" if "accelerator" in spec.traits else "CPU:0"):
        tensor = _filled(spec)
        if "parameter" in spec.traits:
            return tf.Variable(tensor, trainable="frozen" not in spec.traits)
        return tensor


def _filled(spec: TensorSpec) -> Any:
    if spec.dtype == "string":
        return tf.constant(spec_values.texts(spec.shape, spec.fill, binary=True), tf.string, spec.shape)
    words = spec_values.words(spec.dtype, spec.shape, spec.fill)
    if spec.dtype in _QUANTIZED:
        integers = words.view(_QUANTIZED[spec.dtype])
        return tf.bitcast(tf.constant(integers), getattr(tf, spec.dtype))
    return tf.constant(words.reshape(-1).view(numpy_dtype(spec.dtype)).reshape(spec.shape))


def _composite(spec: TensorSpec) -> Any:
    stored = spec_values.sparse_mask(spec.shape, spec.fill.seed)
    dense = spec_values.words(spec.dtype, spec.shape, spec.fill).view(np.float32)
    if "sparse-coo" in spec.traits:
        return tf.SparseTensor(np.argwhere(stored), dense[stored], spec.shape)
    if "ragged" in spec.traits:
        return tf.RaggedTensor.from_row_lengths(dense[stored], stored.sum(axis=1))
    if "ragged-twice" in spec.traits:
        inner = tf.RaggedTensor.from_row_lengths(dense[stored], stored.sum(axis=1))
        return tf.RaggedTensor.from_row_lengths(inner, [1, spec.shape[0] - 1])
    rows = np.flatnonzero(stored.any(axis=1))
    return tf.IndexedSlices(tf.constant(dense[rows]), tf.constant(rows), tf.constant(spec.shape, tf.int64))


def view(tensor: Any, start: int, stop: int) -> Any:
    raise CannotBuild("tensorflow has no views: slicing copies the tensor")


def overwrite(tensor: Any, other: Any) -> bool:
    if not hasattr(tensor, "assign"):
        return False
    tensor.assign(other)
    return True


def owns(leaf: Any) -> bool:
    if isinstance(leaf, tf.Tensor | tf.Variable | tf.SparseTensor | tf.IndexedSlices | tf.RaggedTensor):
        return True
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(leaf, getattr(keras, "Variable", ()))


def read(tensor: Any) -> Reading:
    """Read a tensor, a variable or a composite tensor. Handles of resources and variants are read
    without contents.

    Not read, because no format is required to preserve them: the names of variables, their
    synchronization and their constraints.
    """
    if isinstance(tensor, tf.SparseTensor):
        parts = {"indices": tensor.indices, "values": tensor.values}
        return Reading(tensor.dtype.name, tuple(tensor.shape), "tensorflow.SparseTensor", parts=parts)
    if isinstance(tensor, tf.IndexedSlices):
        parts = {"indices": tensor.indices, "values": tensor.values}
        shape = () if tensor.dense_shape is None else tuple(tensor.dense_shape.numpy().tolist())
        return Reading(tensor.dtype.name, shape, "tensorflow.IndexedSlices", parts=parts)
    if isinstance(tensor, tf.RaggedTensor):
        shape = (int(tensor.nrows()), *(-1 if length is None else length for length in tensor.shape[1:]))
        return Reading(tensor.dtype.name, shape, "tensorflow.RaggedTensor", parts={"values": tensor.values, "splits": tensor.row_splits})
    if isinstance(tensor, tf.Tensor):
        return _dense(tensor, "tensorflow.Tensor", {})
    kind = "tensorflow.Variable" if isinstance(tensor, tf.Variable) else "keras.Variable"
    reading = _dense(tf.convert_to_tensor(tensor), kind, {} if tensor.trainable else {"trainable": False})
    # Python cannot see the address of a variable's memory, so the identity of the variable
    # represents it.
    reading.memory = Memory(id(tensor), (1,), (1,), 1)
    return reading


def _dense(tensor: Any, kind: str, flags: dict[str, Any]) -> Reading:
    if tensor.device and "CPU" not in tensor.device:
        flags["device"] = tensor.device.rsplit("/", 1)[-1]
    reading = Reading(tensor.dtype.name, tuple(tensor.shape), kind, flags=flags)
    if tensor.dtype in (tf.resource, tf.variant):  # handles, whose contents cannot be read
        return reading
    array = tensor.numpy()
    if reading.dtype == "string":
        objects = np.empty(reading.shape, object)
        objects[...] = array
        reading.objects = objects
        return reading
    array = np.asarray(array)
    row = DTYPES.get(reading.dtype)
    memory = Memory(array.__array_interface__["data"][0], array.shape, array.strides, array.itemsize)
    reading.words = view_as_words(array, memory, row.word if row else 8, row.words if row else array.itemsize)
    return reading


def scope() -> contextlib.AbstractContextManager[Any]:
    return contextlib.nullcontext()


def narrow() -> contextlib.AbstractContextManager[Any]:
    raise CannotBuild("tensorflow always has 64-bit types")
