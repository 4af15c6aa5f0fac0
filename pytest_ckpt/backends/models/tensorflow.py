"""Networks of Keras on TensorFlow: `keras.Model`. TensorFlow imports Keras itself, so nothing is won by importing it later."""

from __future__ import annotations

import contextlib
import copy as copies
import itertools
import json
import random
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

# It says how TensorFlow logs and rounds, which is read when TensorFlow is imported.
from .. import tensorflow as tensors

# isort: split
import keras
import tensorflow as tf

from ...specs import ModelSpec, from_json, to_json
from ...specs.layers import HEADS, VOCABULARY, Placed
from ..base import CannotBuild, stable
from .base import Look, called, fill_of

name = "tensorflow"

#: What every layer begins with: constants, so that no random generator is asked. The values are set afterwards.
_ZEROS: Any = {"kernel_initializer": "zeros"}
#: The user may have set another default.
_LAST: Any = {"data_format": "channels_last"}
_DROPOUT = 0.1


def applied(layer: Any, inputs: Any) -> Any:
    """What a layer, or a list or dict of layers, makes of what flows through the network."""
    if isinstance(layer, list | dict):
        for each in _held(layer):
            inputs = applied(each, inputs)
        return inputs
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return layer(inputs, inputs)
    return keras.ops.cast(layer(inputs), "float32")


def _held(layer: Any) -> list[Any]:
    """What a layer that holds others holds, in order."""
    if isinstance(layer, dict):
        return list(layer.values())
    return list(layer) if isinstance(layer, list) else [getattr(layer, step) for step in layer.steps]


class Part(keras.Model):  # type: ignore[misc]
    """Layers as attributes with names of their own, applied one after the other."""

    def __init__(self, layers: Mapping[str, Any], name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self.steps = tuple(layers)
        for step, layer in layers.items():
            if hasattr(self, step):
                raise CannotBuild(f"a model of Keras has an attribute {step!r} of its own, so no layer can be called so")
            setattr(self, step, layer)

    def build(self, input_shape: Any = None) -> None:
        """Nothing: each layer is built when it is first called. Without this method Keras would trace all of them."""

    def call(self, inputs: Any) -> Any:
        for layer in _held(self):
            inputs = applied(layer, inputs)
        return inputs


class Residual(Part):
    """The same, and what came in is added."""

    def call(self, inputs: Any) -> Any:
        return inputs + super().call(inputs)


@keras.saving.register_keras_serializable(package="pytest_ckpt")
class Network(Part):
    """A whole network. Its spec is all of its configuration, so that Keras can save the whole model."""

    def __init__(self, spec: ModelSpec) -> None:
        with _random_kept():
            super().__init__(_Builder().several(spec.placed), "network")
        self.spec = spec

    def build(self, input_shape: Any = None) -> None:
        embeds = self.spec.layers[0].kind == "embedding"
        with _random_kept():
            self.call(tf.zeros((1, *self.spec.inputs), tf.int32 if embeds else tf.float32))
        # Afterwards: a layer that is frozen before it is built passes that on to those of its variables alone that it has by then.
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
    """Adds a variable, trained or not."""

    def __init__(self, kind: str, **more: Any) -> None:
        super().__init__(**more)
        self.kind = kind

    def build(self, input_shape: Any) -> None:
        self.shift = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=self.kind == "parameter", name="shift")

    def call(self, inputs: Any) -> Any:
        return inputs + self.shift


class Tied(keras.layers.Dense):  # type: ignore[misc]
    """A dense layer whose kernel is the very variable of another one, which ``source`` gives once that is built."""

    def __init__(self, source: Callable[[], Any], **more: Any) -> None:
        super().__init__(**more)
        self.source = source

    def build(self, input_shape: Any) -> None:
        self._kernel = self.source()
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")


class Transformer(keras.layers.Layer):  # type: ignore[misc]
    """A block of an encoder: attention, then two dense layers, each added to what came in and normed."""

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


#: What every layer is told: its name, and its dtype, which the user may have set another default for.
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
    return lambda here, more: kind(here.layer.size, 3, padding="same", **_LAST, **_ZEROS, **more)


def _pool(here: Placed, more: _More) -> Any:
    return _POOL[here.layer.kind][len(here.takes) - 2](2, **_LAST, **more)


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
    "depthwise": lambda here, more: keras.layers.DepthwiseConv2D(3, padding="same", depthwise_initializer="zeros", **_LAST, **more),
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
    """One network under construction: it remembers its layers, for others to refer to."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def several(self, layers: tuple[Placed, ...], holder: str = "", part: str = "") -> dict[str, Any]:
        """The layers by their names in ``holder``, which is (or is a list or dict in) the model ``part``."""
        return {here.name.removeprefix(holder): self.one(here, part) for here in layers}

    def one(self, here: Placed, part: str) -> Any:
        layer, place, own = here.layer, len(self.made), here.name.removeprefix(part)
        self.made.append(None)
        more = {"name": own, "dtype": layer.dtype}
        if here.inside:
            inside = f"{here.name}."
            made = _HOLDERS[layer.kind](self.several(here.inside, inside, inside if layer.kind in ("model", "residual") else part), own)
        elif layer.kind == "again":
            made = self.made[layer.of]
        elif layer.kind == "tied":
            source = self.made[layer.of]
            made = Tied(lambda: source.kernel, units=layer.size, **more)
        else:
            made = _MAKE[layer.kind](here, more)
        self.made[place] = made
        return made


@contextlib.contextmanager
def _random_kept() -> Iterator[None]:
    """Keras takes the seed of an initializer that has none from the module `random`, which is the user's."""
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)


def plain_name(thing: Any) -> str:
    """A name without the number that Keras gives to what is not named: it counts all that the process has made so far."""
    plain = re.sub(r"_\d+$", "", thing.name)
    return plain if plain.replace("_", "").lower().endswith(type(thing).__name__.lower()) else str(thing.name)


def unique_name(wanted: str, used: Container[str]) -> str:
    """The name, with a number if it is taken."""
    return next(each for each in itertools.chain([wanted], (f"{wanted}_{count}" for count in itertools.count(1))) if each not in used)


def _labels(value: Any, label: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in an attribute, with its name: what is in a list or dict goes by its place, after a dot."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _labels(item, f"{label}.{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _labels(item, f"{label}.{key}")
    else:
        yield label, value


def _named(layer: Any, known: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """``known``, which a layer has, by all names that it has for them: those of its attributes, otherwise their own."""
    attributes = [(key, value) for key, value in vars(layer).items() if not key.startswith("_")]
    labels: dict[int, list[str]] = {}
    for key, value in attributes:
        for label, found in _labels(value, key):
            labels.setdefault(id(found), []).append(label)
    used: set[str] = set()
    for each in known:
        for label in labels.get(id(each)) or [plain_name(each)]:
            unique = unique_name(label, used)
            used.add(unique)
            yield unique, each


def _walk(layer: Any, prefix: str = "", above: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """A layer and all that are in it by each of their names, in Keras' own order."""
    yield prefix, layer
    for own, inside in _named(layer, layer._layers):
        if id(inside) not in above:
            yield from _walk(inside, f"{prefix}/{own}" if prefix else own, (*above, id(layer)))


def _tensors(model: Any) -> dict[str, Any]:
    """All variables by each of their names, in Keras' own order."""
    found: dict[str, Any] = {}
    for prefix, layer in _walk(model):
        start = f"{prefix}/" if prefix else ""
        own = {id(each): each for each in (*layer._trainable_variables, *layer._non_trainable_variables)}
        found.update((start + key, variable) for key, variable in _named(layer, own.values()))
        found.update((f"{start}{key}/state", generator.state) for key, generator in _named(layer, layer._seed_generators))
    known = {id(variable) for variable in found.values()}
    more = [variable for variable in model.variables if id(variable) not in known]
    return found | {f"variables.{index}": variable for index, variable in enumerate(more)}


def _saved(model: Any) -> dict[str, Any]:
    """All variables, each by the first of its names."""
    first: dict[int, str] = {}
    tensors = _tensors(model)
    for key, variable in tensors.items():
        first.setdefault(id(variable), key)
    return {key: tensors[key] for key in first.values()}


def owns(obj: Any) -> bool:
    return isinstance(obj, keras.Model) and keras.backend.backend() == "tensorflow"


def build(spec: ModelSpec) -> Any:
    if why := spec.refusal(name):
        raise CannotBuild(why)
    if keras.backend.backend() != "tensorflow":
        raise CannotBuild(f"Keras is set to the backend {keras.backend.backend()!r} here")
    if spec.fresh:
        raise CannotBuild("Keras loads weights into models alone that are built")
    if strange := [each.name for each in spec.every() if "/" in each.name]:
        raise CannotBuild(f"Keras has no layers with a slash in their names: {strange[0]!r}")
    model = _built(spec)
    _fill(model, spec)
    return model


def _built(spec: ModelSpec) -> Any:
    model = Network(spec)
    model.build((None, *spec.inputs))
    return model


def _fill(model: Any, spec: ModelSpec) -> None:
    """Draws the values of everything that is saved. Where random numbers of layers begin is no weight to Keras, which does not save
    it: that stays what the layers' seeds make it."""
    unsaved = look(model).unsaved
    for index, (key, variable) in enumerate(_saved(model).items()):
        if key in unsaved:
            continue
        filled = tensors.build(fill_of(spec, index, variable.dtype, tuple(variable.shape)))
        positive = key.endswith("moving_variance") or not filled.dtype.is_floating
        variable.assign(tf.abs(filled) if positive else filled)


def state(model: Any) -> Any:
    return {key: tf.convert_to_tensor(variable) for key, variable in _saved(model).items()}


def load_state(model: Any, state: Any) -> None:
    assign(_saved(model), state)


def assign(variables: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Puts values into variables by their names. Raises ValueError, before it has changed any, unless all fit exactly."""
    if set(variables) != set(state):
        raise ValueError(f"the state has the names {sorted(state)}, and what it is for {sorted(variables)}")
    values = {key: tf.convert_to_tensor(value) for key, value in state.items()}
    for key, variable in variables.items():
        ours, theirs = (variable.dtype, tuple(variable.shape)), (values[key].dtype.name, tuple(values[key].shape))
        if ours != theirs:
            raise ValueError(f"{key!r} is {theirs[0]} of the shape {theirs[1]} in the state, and {ours[0]} of the shape {ours[1]} here")
    for key, variable in variables.items():
        variable.assign(values[key])


#: What is no setting: names, what values begin with, where a class is found, and the layers in a model, which have names of their own.
_NO_SETTINGS = re.compile(
    "name|dtype|spec|seed|module|registered_name|build_config|build_input_shape|compile_config|shared_object_id"
    "|layers|input_layers|output_layers|.*_initializer"
)


def _settings(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _settings(item) for key, item in value.items() if not _NO_SETTINGS.fullmatch(str(key))}
    return [_settings(item) for item in value] if isinstance(value, list | tuple) else value


def _setting(layer: Any) -> str:
    try:
        config = _settings(layer.get_config())
    except NotImplementedError:  # what Keras says where a class of a user's own tells it nothing
        config = {}
    return f"{type(layer).__name__}({', '.join(f'{key}={stable(value)}' for key, value in config.items())})"


def look(model: Any) -> Look:
    found = dict(_walk(model))
    generators = {id(generator.state) for layer in found.values() for generator in layer._seed_generators}
    tensors = _tensors(model)
    return Look(
        tensors=tensors,
        settings={key: _setting(layer) for key, layer in found.items()},
        # Where random numbers of layers begin is a variable, but none of those that Keras calls weights and saves.
        unsaved=frozenset(key for key, variable in tensors.items() if id(variable) in generators),
    )


def modules(model: Any) -> Mapping[str, Any]:
    return dict(_walk(model))


def run(model: Any, inputs: Any) -> Any:
    if getattr(model, "inputs", None) is not None:  # made of symbolic inputs, it takes all of them as one structure
        return model(inputs, training=False)
    return called(model, inputs, training=False)


def copy(model: Any) -> Any:
    # To copy deeply is to save and load to Keras, so it has to know a user's classes, and it leaves out random states.
    known = {type(layer) for layer in modules(model).values() if not type(layer).__module__.startswith("keras.")}
    with _random_kept(), keras.saving.custom_object_scope({kind.__name__: kind for kind in known}):
        made = _built(model.spec) if type(model) is Network else copies.deepcopy(model)
    load_state(made, state(model))
    return made
