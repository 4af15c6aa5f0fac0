"""TensorFlow: lossless serialization of tensors, and faults in features that only TensorFlow has."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from pytest_ckpt.backends.tensorflow.layers import Tied
from pytest_ckpt.backends.tensorflow.models import modules, read


def _serialize_one(tensor: Any) -> Any:
    if isinstance(tensor, tf.SparseTensor):
        return "sparse", _serialize_one(tensor.indices), _serialize_one(tensor.values), _serialize_one(tensor.dense_shape)
    if isinstance(tensor, tf.IndexedSlices):
        return "slices", _serialize_one(tensor.values), _serialize_one(tensor.indices), _serialize_one(tensor.dense_shape)
    if isinstance(tensor, tf.RaggedTensor):
        return "ragged", _serialize_one(tensor.values), _serialize_one(tensor.row_splits)
    if isinstance(tensor, tf.Variable):
        return "variable", _serialize_one(tf.convert_to_tensor(tensor)), tensor.trainable
    return "tensor", tensor.numpy(), tensor.dtype.name, tuple(tensor.shape)


def _deserialize_one(record: Any) -> Any:
    kind, *parts = record
    if kind == "sparse":
        return tf.SparseTensor(*map(_deserialize_one, parts))
    if kind == "slices":
        return tf.IndexedSlices(*map(_deserialize_one, parts))
    if kind == "ragged":
        return tf.RaggedTensor.from_row_splits(*map(_deserialize_one, parts))
    if kind == "variable":
        return tf.Variable(_deserialize_one(parts[0]), trainable=parts[1])
    array, dtype, shape = parts
    tensor = tf.constant(array, shape=shape, dtype=tf.string if dtype == "string" else None)
    return tensor if tensor.dtype.name == dtype else tf.bitcast(tensor, tf.as_dtype(dtype))


def serialize(tensors: list[Any]) -> Any:
    return [_serialize_one(tensor) for tensor in tensors]


def deserialize(serialized: Any) -> list[Any]:
    return [_deserialize_one(record) for record in serialized]


def copy_tensor(tensor: Any) -> Any:
    return tf.Variable(tensor, trainable=tensor.trainable)


def drop_property(case: str, tensor: Any) -> Any:
    """Return the tensor without the property that a case of the family `tensor` tests."""
    if case == "class":
        return tensor.numpy()
    if case == "parameter":
        return tf.convert_to_tensor(tensor)
    if case == "sparse":
        return tensor.values if hasattr(tensor, "values") else tensor
    if case == "device":
        return tf.identity(tensor)
    raise KeyError(case)


def drop_inner_row_splits(tensor: Any) -> Any:
    return tensor.values if isinstance(tensor, tf.RaggedTensor) and tensor.ragged_rank > 1 else tensor


def flags_of(model: Any) -> Any:
    """Return which variables are frozen. Keras models have no training mode."""
    return {name: not variable.trainable for name, variable in read(model).tensors.items()}, {}


def set_flags(model: Any, flags: Any) -> None:
    frozen, _ = flags
    for name, variable in read(model).tensors.items():
        variable.trainable = not frozen[name]


def untie(model: Any) -> None:
    """Copy shared variables, so that each layer has a separate variable."""
    for layer in modules(model).values():
        if isinstance(layer, Tied):
            layer._tracker.unlock()
            layer._kernel = keras.Variable(layer._kernel, name="kernel")


def copy_shared_modules(model: Any) -> None:
    """Copy shared layers, so that each attribute has a separate layer."""
    seen: set[int] = set()
    for part in [layer for layer in modules(model).values() if isinstance(layer, keras.Model)]:
        for name, layer in list(vars(part).items()):
            if isinstance(layer, keras.layers.Layer):
                if id(layer) in seen:
                    part._tracker.unlock()
                    copy = type(layer).from_config(layer.get_config())
                    copy.build(layer.get_build_config()["input_shape"])
                    copy.set_weights(layer.get_weights())
                    setattr(part, name, copy)
                seen.add(id(layer))


def whole_model_functions() -> dict[str, Any]:
    """Return functions that save and load whole models."""
    return {"save_model": lambda model, path: model.save(path), "load_model": keras.saving.load_model, "suffix": ".keras"}


def reset_settings(model: Any) -> None:
    """Reset the settings of all layers to the defaults."""
    for layer in modules(model).values():
        for setting, default in (("epsilon", 1e-3), ("negative_slope", 0.3), ("rate", 0.5)):
            if hasattr(layer, setting):
                setattr(layer, setting, default)
