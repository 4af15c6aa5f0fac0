"""tensorflow: tensors, variables and their composites packed by their parts; and faults in what only tensorflow has."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def _packed(tensor: Any) -> Any:
    if isinstance(tensor, tf.SparseTensor):
        return "sparse", _packed(tensor.indices), _packed(tensor.values), _packed(tensor.dense_shape)
    if isinstance(tensor, tf.IndexedSlices):
        return "slices", _packed(tensor.values), _packed(tensor.indices), _packed(tensor.dense_shape)
    if isinstance(tensor, tf.RaggedTensor):
        return "ragged", _packed(tensor.values), _packed(tensor.row_splits)
    if isinstance(tensor, tf.Variable):
        return "variable", _packed(tf.convert_to_tensor(tensor)), tensor.trainable
    return "tensor", tensor.numpy(), tensor.dtype.name, tuple(tensor.shape)


def _unpacked(record: Any) -> Any:
    kind, *parts = record
    if kind == "sparse":
        return tf.SparseTensor(*map(_unpacked, parts))
    if kind == "slices":
        return tf.IndexedSlices(*map(_unpacked, parts))
    if kind == "ragged":
        return tf.RaggedTensor.from_row_splits(*map(_unpacked, parts))
    if kind == "variable":
        return tf.Variable(_unpacked(parts[0]), trainable=parts[1])
    array, dtype, shape = parts
    tensor = tf.constant(array, shape=shape, dtype=tf.string if dtype == "string" else None)
    return tensor if tensor.dtype.name == dtype else tf.bitcast(tensor, tf.as_dtype(dtype))


def pack(tensors: list[Any]) -> Any:
    return [_packed(tensor) for tensor in tensors]


def unpack(packed: Any) -> list[Any]:
    return [_unpacked(record) for record in packed]


def copied(tensor: Any) -> Any:
    return tf.Variable(tensor, trainable=tensor.trainable)


def without(case: str, tensor: Any) -> Any:
    """The tensor without what a case of the family `tensor` asks about."""
    if case == "kind":
        return tensor.numpy()
    if case == "parameter":
        return tf.convert_to_tensor(tensor)
    if case == "sparse":
        return tensor.values if hasattr(tensor, "values") else tensor
    if case == "device":
        return tf.identity(tensor)
    raise KeyError(case)


def ragged_once(tensor: Any) -> Any:
    return tensor.values if isinstance(tensor, tf.RaggedTensor) and tensor.ragged_rank > 1 else tensor
