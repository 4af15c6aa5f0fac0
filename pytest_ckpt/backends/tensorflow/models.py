"""Build and read models of Keras on TensorFlow: `keras.Model`."""

from __future__ import annotations

import copy as copy_module
import itertools
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

# Imported first: it sets environment variables that TensorFlow reads when it is imported.
from . import tensors

# isort: split
import keras
import tensorflow as tf

from ...specs import ModelSpec
from ..base import CannotBuild, stable_repr
from ..model_base import ModelReading, call_with, fill_spec
from . import layers

name = "tensorflow"


def plain_name(named: Any) -> str:
    """Return the name of a layer or variable without the number that Keras adds to default names.

    That number counts the objects of the process, so it would differ between two builds.
    """
    plain = re.sub(r"_\d+$", "", named.name)
    return plain if plain.replace("_", "").lower().endswith(type(named).__name__.lower()) else str(named.name)


def unique_name(name: str, used: Container[str]) -> str:
    """Return the name, with a number appended if it is already used."""
    return next(each for each in itertools.chain([name], (f"{name}_{count}" for count in itertools.count(1))) if each not in used)


def _labels(value: Any, label: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the contents of an attribute with their labels: ``label``, plus a dot and the key
    inside a list or dict.
    """
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _labels(item, f"{label}.{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _labels(item, f"{label}.{key}")
    else:
        yield label, value


def _named(layer: Any, owned: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the objects that a layer owns under each of their names: the names of its attributes,
    or else their own.
    """
    attributes = [(key, value) for key, value in vars(layer).items() if not key.startswith("_")]
    labels: dict[int, list[str]] = {}
    for key, value in attributes:
        for label, found in _labels(value, key):
            labels.setdefault(id(found), []).append(label)
    used: set[str] = set()
    for each in owned:
        for label in labels.get(id(each)) or [plain_name(each)]:
            unique = unique_name(label, used)
            used.add(unique)
            yield unique, each


def _walk(layer: Any, prefix: str = "", above: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield a layer and all layers in it under each of their names, in the order of Keras."""
    yield prefix, layer
    for own, inside in _named(layer, layer._layers):
        if id(inside) not in above:
            yield from _walk(inside, f"{prefix}/{own}" if prefix else own, (*above, id(layer)))


def _tensors(model: Any) -> dict[str, Any]:
    """Return all variables under each of their names, in the order of Keras."""
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
    """Return all variables, each under the first of its names."""
    first: dict[int, str] = {}
    tensors = _tensors(model)
    for key, variable in tensors.items():
        first.setdefault(id(variable), key)
    return {key: tensors[key] for key in first.values()}


def owns(obj: Any) -> bool:
    return isinstance(obj, keras.Model) and keras.backend.backend() == "tensorflow"


def build(spec: ModelSpec) -> Any:
    if reason := spec.refusal(name):
        raise CannotBuild(reason)
    if keras.backend.backend() != "tensorflow":
        raise CannotBuild(f"Keras uses the backend {keras.backend.backend()!r} here, not tensorflow")
    if spec.fresh:
        raise CannotBuild("Keras loads weights only into models that are built")
    if with_slash := [each.name for each in spec.all_layers() if "/" in each.name]:
        raise CannotBuild(f"Keras allows no slash in the name of a layer: {with_slash[0]!r}")
    model = layers.network(spec)
    _fill(model, spec)
    return model


def _fill(model: Any, spec: ModelSpec) -> None:
    """Set the values of everything that is saved.

    Keras does not save the random states of layers as weights, so these keep the values that the
    seeds give them.
    """
    unsaved = read(model).random_states
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
    """Assign values to variables by name.

    Raises ValueError, and assigns nothing, unless names, dtypes and shapes match.
    """
    if set(variables) != set(state):
        raise ValueError(f"the state has the names {sorted(state)}, but the variables have {sorted(variables)}")
    values = {key: tf.convert_to_tensor(value) for key, value in state.items()}
    for key, variable in variables.items():
        ours, theirs = (variable.dtype, tuple(variable.shape)), (values[key].dtype.name, tuple(values[key].shape))
        if ours != theirs:
            raise ValueError(f"{key!r} is {theirs[0]} of shape {theirs[1]} in the state, but {ours[0]} of shape {ours[1]} here")
    for key, variable in variables.items():
        variable.assign(values[key])


#: Entries of a configuration that are not settings: names, initial values, the location of a class,
#: and inner layers, which have entries under their own names.
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
    except NotImplementedError:  # a class of the user without get_config
        config = {}
    return f"{type(layer).__name__}({', '.join(f'{key}={stable_repr(value)}' for key, value in config.items())})"


def read(model: Any) -> ModelReading:
    found = dict(_walk(model))
    generators = {id(generator.state) for layer in found.values() for generator in layer._seed_generators}
    variables = _tensors(model)
    return ModelReading(
        tensors=variables,
        settings={key: _setting(layer) for key, layer in found.items()},
        # The random state of a layer is a variable, but not a weight, and Keras saves only weights.
        random_states=frozenset(key for key, variable in variables.items() if id(variable) in generators),
    )


def modules(model: Any) -> Mapping[str, Any]:
    return dict(_walk(model))


def run(model: Any, inputs: Any) -> Any:
    # A call changes counters and random states, so these are restored.
    before = [(variable, tf.identity(variable)) for variable in _saved(model).values() if not variable.trainable]
    try:
        return _call(model, inputs)
    finally:
        for variable, value in before:
            variable.assign(value)


def _call(model: Any, inputs: Any) -> Any:
    if getattr(model, "inputs", None) is not None:  # a functional model accepts all inputs as one structure
        return model(inputs, training=False)
    return call_with(model, inputs, training=False)


def copy(model: Any) -> Any:
    # A deepcopy of a Keras model goes through serialization, which needs the user's classes and
    # omits random states.
    known = {type(layer) for layer in modules(model).values() if not type(layer).__module__.startswith("keras.")}
    with layers.preserve_python_random(), keras.saving.custom_object_scope({kind.__name__: kind for kind in known}):
        made = layers.network(model.spec) if type(model) is layers.Network else copy_module.deepcopy(model)
    load_state(made, state(model))
    return made


def make_unsavable(model: Any) -> None:
    # Keras calls save_own_variables of each layer, and tf.train.Checkpoint serializes each tracked
    # attribute.
    last = list(modules(model).values())[-1]
    last.save_own_variables = _raise_on_save
    last.unsavable = _UnsavableState()


def _raise_on_save(store: Any) -> None:
    raise TypeError("this layer cannot be saved")


class _UnsavableState(tf.train.experimental.PythonState):  # type: ignore[misc]
    def serialize(self) -> Any:
        raise TypeError("this state cannot be saved")

    def deserialize(self, value: Any) -> None:
        raise TypeError("this state cannot be loaded")
