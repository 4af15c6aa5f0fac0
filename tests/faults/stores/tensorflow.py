"""tensorflow: tensors, variables and their composites packed by their parts; and faults in what only tensorflow has."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from pytest_ckpt.backends.tensorflow.layers import Tied
from pytest_ckpt.backends.tensorflow.models import modules, read


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


def flags_of(model: Any) -> Any:
    """What the values of variables do not tell: which are trained. Keras has no mode on models."""
    return {name: not variable.trainable for name, variable in read(model).tensors.items()}, {}


def set_flags(model: Any, flags: Any) -> None:
    frozen, _ = flags
    for name, variable in read(model).tensors.items():
        variable.trainable = not frozen[name]


def untie(model: Any) -> None:
    """Layers that have taken the variable of another get one of their own."""
    for layer in modules(model).values():
        if isinstance(layer, Tied):
            layer._tracker.unlock()
            layer._kernel = keras.Variable(layer._kernel, name="kernel")


def separate(model: Any) -> None:
    """Every place gets a layer of its own."""
    met: set[int] = set()
    for part in [layer for layer in modules(model).values() if isinstance(layer, keras.Model)]:
        for name, layer in list(vars(part).items()):
            if isinstance(layer, keras.layers.Layer):
                if id(layer) in met:
                    part._tracker.unlock()
                    other = type(layer).from_config(layer.get_config())
                    other.build(layer.get_build_config()["input_shape"])
                    other.set_weights(layer.get_weights())
                    setattr(part, name, other)
                met.add(id(layer))


def zero(tensor: Any) -> None:
    """Writes zeros where a variable is."""
    tensor.assign(tensor - tensor)


def whole() -> dict[str, Any]:
    """Functions that save whole models."""
    return {"save_model": lambda model, path: model.save(path), "load_model": keras.saving.load_model, "suffix": ".keras"}


def forget_settings(model: Any) -> None:
    """What layers were configured with is the default again."""
    for layer in modules(model).values():
        for setting, usual in (("epsilon", 1e-3), ("negative_slope", 0.3), ("rate", 0.5)):
            if hasattr(layer, setting):
                setattr(layer, setting, usual)
