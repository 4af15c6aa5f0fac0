"""Networks of Keras on TensorFlow: `keras.Model`. TensorFlow imports Keras itself, so nothing is won by importing it later."""

from __future__ import annotations

import copy as copies
import itertools
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

# It says how TensorFlow logs and rounds, which is read when TensorFlow is imported.
from . import tensors

# isort: split
import keras
import tensorflow as tf

from ...specs import ModelSpec
from ..base import CannotBuild, stable
from ..model_base import ModelReading, call_with, fill_spec
from . import layers

name = "tensorflow"


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
    model = layers.network(spec)
    _fill(model, spec)
    return model


def _fill(model: Any, spec: ModelSpec) -> None:
    """Draws the values of everything that is saved. Where random numbers of layers begin is no weight to Keras, which does not save
    it: that stays what the layers' seeds make it."""
    unsaved = read(model).random
    for index, (key, variable) in enumerate(_saved(model).items()):
        if key in unsaved:
            continue
        filled = tensors.build(fill_spec(spec, index, variable.dtype, tuple(variable.shape)))
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


def read(model: Any) -> ModelReading:
    found = dict(_walk(model))
    generators = {id(generator.state) for layer in found.values() for generator in layer._seed_generators}
    tensors = _tensors(model)
    return ModelReading(
        tensors=tensors,
        settings={key: _setting(layer) for key, layer in found.items()},
        # Where random numbers of layers begin is a variable, but none of those that Keras calls weights and saves.
        random=frozenset(key for key, variable in tensors.items() if id(variable) in generators),
    )


def modules(model: Any) -> Mapping[str, Any]:
    return dict(_walk(model))


def run(model: Any, inputs: Any) -> Any:
    # What layers count, and where their random numbers are, is put back.
    before = [(variable, tf.identity(variable)) for variable in _saved(model).values() if not variable.trainable]
    try:
        return _called(model, inputs)
    finally:
        for variable, value in before:
            variable.assign(value)


def _called(model: Any, inputs: Any) -> Any:
    if getattr(model, "inputs", None) is not None:  # made of symbolic inputs, it takes all of them as one structure
        return model(inputs, training=False)
    return call_with(model, inputs, training=False)


def copy(model: Any) -> Any:
    # To copy deeply is to save and load to Keras, so it has to know a user's classes, and it leaves out random states.
    known = {type(layer) for layer in modules(model).values() if not type(layer).__module__.startswith("keras.")}
    with layers.random_kept(), keras.saving.custom_object_scope({kind.__name__: kind for kind in known}):
        made = layers.network(model.spec) if type(model) is layers.Network else copies.deepcopy(model)
    load_state(made, state(model))
    return made


def make_unsavable(model: Any) -> None:
    # Keras asks its layers to save their variables, a checkpoint what it tracks to give its state.
    last = list(modules(model).values())[-1]
    last.save_own_variables = _not_saved
    last.unsavable = _UnsavableState()


def _not_saved(store: Any) -> None:
    raise TypeError("this layer cannot be saved")


class _UnsavableState(tf.train.experimental.PythonState):  # type: ignore[misc]
    def serialize(self) -> Any:
        raise TypeError("this state cannot be saved")

    def deserialize(self, value: Any) -> None:
        raise TypeError("this state was never saved")
