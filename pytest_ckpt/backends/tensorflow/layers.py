"""Build the layers of a network in Keras.

This imports Keras at once, because TensorFlow imports it anyway.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from ...specs import ModelSpec, from_json, to_json
from ...specs.layers import HEADS, VOCABULARY, Placed
from ..base import CannotBuild

#: Layers start with constants, so that no random numbers are drawn. The values are set afterwards.
_ZEROS: Any = {"kernel_initializer": "zeros"}
#: Given explicitly, because the user may have changed the default.
_CHANNELS_LAST: Any = {"data_format": "channels_last"}
_DROPOUT = 0.1


def apply(layer: Any, inputs: Any) -> Any:
    """Return the outputs of a layer, or of a list or dict of layers applied one after the other."""
    if isinstance(layer, list | dict):
        for each in _held(layer):
            inputs = apply(each, inputs)
        return inputs
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return layer(inputs, inputs)
    return keras.ops.cast(layer(inputs), "float32")


def _held(layer: Any) -> list[Any]:
    """Return the layers in a composite layer, in order."""
    if isinstance(layer, dict):
        return list(layer.values())
    return list(layer) if isinstance(layer, list) else [getattr(layer, step) for step in layer.steps]


class Part(keras.Model):  # type: ignore[misc]
    """Layers that are attributes of a model and are applied one after the other."""

    def __init__(self, layers: Mapping[str, Any], name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self.steps = tuple(layers)
        for step, layer in layers.items():
            if hasattr(self, step):
                raise CannotBuild(f"keras.Model has an attribute {step!r}, so no layer can have that name")
            setattr(self, step, layer)

    def build(self, input_shape: Any = None) -> None:
        """Do nothing: each layer is built at its first call.

        Without this method, Keras would trace all layers.
        """

    def call(self, inputs: Any) -> Any:
        for layer in _held(self):
            inputs = apply(layer, inputs)
        return inputs


class Residual(Part):
    """Layers whose inputs are added to their outputs."""

    def call(self, inputs: Any) -> Any:
        return inputs + super().call(inputs)


@keras.saving.register_keras_serializable(package="pytest_ckpt")
class Network(Part):
    """A whole network. Its spec is its configuration, so that Keras can save the whole model."""

    def __init__(self, spec: ModelSpec) -> None:
        with preserve_python_random():
            super().__init__(_Builder().build_all(spec.placed), "network")
        self.spec = spec

    def build(self, input_shape: Any = None) -> None:
        embeds = self.spec.layers[0].kind == "embedding"
        with preserve_python_random():
            self.call(tf.zeros((1, *self.spec.inputs), tf.int32 if embeds else tf.float32))
        # Freezing comes after building, because it affects only the variables that exist by then.
        _freeze(self.spec.placed, _held(self))

    def get_config(self) -> dict[str, Any]:
        return {"spec": json.dumps(to_json(self.spec))}

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Network:
        return cls(from_json(json.loads(config["spec"])))


def _freeze(places: tuple[Placed, ...], layers: list[Any]) -> None:
    for here, layer in zip(places, layers, strict=True):
        if here.inside:
            _freeze(here.inside, _held(layer))
        if here.layer.frozen:
            _set_untrained(layer)


def _set_untrained(layer: Any) -> None:
    if isinstance(layer, list | dict):
        for each in _held(layer):
            _set_untrained(each)
    else:
        layer.trainable = False


class Shift(keras.layers.Layer):  # type: ignore[misc]
    """Adds a variable, trainable or not."""

    def __init__(self, kind: str, **more: Any) -> None:
        super().__init__(**more)
        self.kind = kind

    def build(self, input_shape: Any) -> None:
        self.shift = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=self.kind == "parameter", name="shift")

    def call(self, inputs: Any) -> Any:
        return inputs + self.shift


class Tied(keras.layers.Dense):  # type: ignore[misc]
    """A dense layer whose kernel is the variable of another layer.

    ``source`` returns it, once that layer is built.
    """

    def __init__(self, source: Callable[[], Any], **more: Any) -> None:
        super().__init__(**more)
        self.source = source

    def build(self, input_shape: Any) -> None:
        self._kernel = self.source()
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")


class Transformer(keras.layers.Layer):  # type: ignore[misc]
    """A transformer encoder block: attention, then two dense layers, each with a residual
    connection and a norm.
    """

    def __init__(self, channels: int, **more: Any) -> None:
        super().__init__(**more)
        same: Any = {"dtype": self.dtype_policy}
        self.attention = keras.layers.MultiHeadAttention(HEADS, channels // HEADS, seed=1, name="attention", **_ZEROS, **same)
        self.attention_norm = keras.layers.LayerNormalization(name="attention_norm", **same)
        self.widen = keras.layers.Dense(2 * channels, activation="relu", name="widen", **_ZEROS, **same)
        self.narrow = keras.layers.Dense(channels, name="narrow", **_ZEROS, **same)
        self.norm = keras.layers.LayerNormalization(name="norm", **same)
        self.dropout = keras.layers.Dropout(_DROPOUT, seed=1, name="dropout", **same)

    def build(self, input_shape: Any) -> None:
        self.attention.build(input_shape, input_shape)
        for layer in (self.attention_norm, self.widen, self.norm, self.dropout):
            layer.build(input_shape)
        self.narrow.build(self.widen.compute_output_shape(input_shape))

    def call(self, inputs: Any) -> Any:
        inputs = self.attention_norm(inputs + self.dropout(self.attention(inputs, inputs)))
        return self.norm(inputs + self.dropout(self.narrow(self.widen(inputs))))


#: The name and the dtype of a layer. The dtype is explicit, because the user may have changed the
#: default.
_More = dict[str, Any]
_CELLS = {"rnn": keras.layers.SimpleRNNCell, "lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}
_RECURRENT = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
_POOL = {
    "max-pool": (keras.layers.MaxPooling1D, keras.layers.MaxPooling2D, keras.layers.MaxPooling3D),
    "average-pool": (keras.layers.AveragePooling1D, keras.layers.AveragePooling2D, keras.layers.AveragePooling3D),
}


def _dense(here: Placed, more: _More) -> Any:
    return keras.layers.Dense(here.layer.size, **_ZEROS, **more)


def _convolution(kind: Any) -> Callable[[Placed, _More], Any]:
    return lambda here, more: kind(here.layer.size, 3, padding="same", **_CHANNELS_LAST, **_ZEROS, **more)


def _pool(here: Placed, more: _More) -> Any:
    return _POOL[here.layer.kind][len(here.takes) - 2](2, **_CHANNELS_LAST, **more)


def _prelu(here: Placed, more: _More) -> Any:
    return keras.layers.PReLU(shared_axes=list(range(1, len(here.takes))) or None, **more)


def _recurrent(here: Placed, more: _More) -> Any:
    layer, dtype = here.layer, more["dtype"]
    each: _More = {"recurrent_initializer": "zeros", "seed": 1, **_ZEROS}
    if layer.depth > 1:
        cells = [_CELLS[layer.kind](layer.size, name=f"cell{level}", dtype=dtype, **each) for level in range(layer.depth)]
        stacked = keras.layers.StackedRNNCells(cells, name="cells", dtype=dtype)
        made = keras.layers.RNN(stacked, return_sequences=True, **more)
    else:
        made = _RECURRENT[layer.kind](layer.size, return_sequences=True, **each, **more)
    return keras.layers.Bidirectional(made, **more) if layer.both_ways else made


def _attention(here: Placed, more: _More) -> Any:
    return keras.layers.MultiHeadAttention(HEADS, here.takes[-1] // HEADS, seed=1, **_ZEROS, **more)


def _embedding(here: Placed, more: _More) -> Any:
    return keras.layers.Embedding(VOCABULARY, here.layer.size, embeddings_initializer="zeros", **more)


def _spectral_norm(here: Placed, more: _More) -> Any:
    return keras.layers.SpectralNormalization(_dense(here, {**more, "name": "dense"}), **more)


_MAKE: dict[str, Callable[[Placed, _More], Any]] = {
    "dense": _dense,
    "lazy-dense": _dense,
    "relu": lambda here, more: keras.layers.ReLU(**more),
    "leaky-relu": lambda here, more: keras.layers.LeakyReLU(here.layer.number, **more),
    "prelu": _prelu,
    "dropout": lambda here, more: keras.layers.Dropout(here.layer.number, seed=1, **more),
    "max-pool": _pool,
    "average-pool": _pool,
    "conv1d": _convolution(keras.layers.Conv1D),
    "conv2d": _convolution(keras.layers.Conv2D),
    "conv3d": _convolution(keras.layers.Conv3D),
    "conv1d-transposed": _convolution(keras.layers.Conv1DTranspose),
    "conv2d-transposed": _convolution(keras.layers.Conv2DTranspose),
    "conv3d-transposed": _convolution(keras.layers.Conv3DTranspose),
    "depthwise": lambda here, more: keras.layers.DepthwiseConv2D(
        3, padding="same", depthwise_initializer="zeros", **_CHANNELS_LAST, **more
    ),
    "batch-norm": lambda here, more: keras.layers.BatchNormalization(epsilon=here.layer.number, **more),
    "layer-norm": lambda here, more: keras.layers.LayerNormalization(epsilon=here.layer.number, **more),
    "group-norm": lambda here, more: keras.layers.GroupNormalization(HEADS, epsilon=here.layer.number, **more),
    "instance-norm": lambda here, more: keras.layers.GroupNormalization(-1, epsilon=here.layer.number, **more),
    "rms-norm": lambda here, more: keras.layers.RMSNormalization(epsilon=here.layer.number, **more),
    "embedding": _embedding,
    "rnn": _recurrent,
    "lstm": _recurrent,
    "gru": _recurrent,
    "attention": _attention,
    "transformer": lambda here, more: Transformer(here.takes[-1], **more),
    "spectral-norm": _spectral_norm,
    "parameter": lambda here, more: Shift(here.layer.kind, **more),
    "buffer": lambda here, more: Shift(here.layer.kind, **more),
}
_HOLDERS: dict[str, Callable[[dict[str, Any], str], Any]] = {
    "model": Part,
    "residual": Residual,
    "list": lambda layers, name: list(layers.values()),
    "dict": lambda layers, name: layers,
}


class _Builder:
    """Builds the layers of one network.

    It keeps the layers built so far, since later ones may refer to them.
    """

    def __init__(self) -> None:
        self.built: list[Any] = []

    def build_all(self, layers: tuple[Placed, ...], holder: str = "", part: str = "") -> dict[str, Any]:
        """Return the layers by their names in ``holder``, which is the model ``part``, or a list or
        dict in it.
        """
        return {here.name.removeprefix(holder): self.build(here, part) for here in layers}

    def build(self, here: Placed, part: str) -> Any:
        layer, place, own = here.layer, len(self.built), here.name.removeprefix(part)
        self.built.append(None)
        more = {"name": own, "dtype": layer.dtype}
        if here.inside:
            inside = f"{here.name}."
            layers = self.build_all(here.inside, inside, inside if layer.kind in ("model", "residual") else part)
            built = _HOLDERS[layer.kind](layers, own)
        elif layer.kind == "again":
            built = self.built[layer.of]
        elif layer.kind == "tied":
            source = self.built[layer.of]
            built = Tied(lambda: source.kernel, units=layer.size, **more)
        else:
            built = _MAKE[layer.kind](here, more)
        self.built[place] = built
        return built


@contextlib.contextmanager
def preserve_python_random() -> Iterator[None]:
    """Restore the state of the module `random` on exit.

    Keras draws the seeds of initializers from it.
    """
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)


def network(spec: ModelSpec) -> Any:
    """Return the network with built layers, whose values are zero."""
    model = Network(spec)
    model.build((None, *spec.inputs))
    return model
