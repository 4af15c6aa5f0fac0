"""Build and read models of Flax: `flax.nnx.Module`.

Flax is imported when the first model is built.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...specs import ModelSpec, Unsavable
from ..base import CannotBuild
from ..model_base import ModelReading, call_with, fill_spec
from . import layers, nnx_state, tensors

name = "jax"

#: The attributes of layers that are True in inference mode and False in training mode.
_MODES = ("deterministic", "use_running_average")
#: The attribute in which NNX stores which attributes of a module hold tensors.
_TRACKED_ATTRIBUTES = "_pytree__nodes"
#: Names of variables that are variances or norms, and so must be positive.
_POSITIVE = ("var", "sigma")


def owns(obj: Any) -> bool:
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(obj, nnx.Module)


def build(spec: ModelSpec) -> Any:
    if reason := spec.refusal(name):
        raise CannotBuild(reason)
    if any(here.layer.frozen for here in spec.all_layers()):
        raise CannotBuild("nnx has no flag for frozen parameters")
    if spec.fresh:
        raise CannotBuild("nnx has no layers that infer their sizes from the first input")
    from flax import nnx

    # Only the shapes: drawing values would compile a generator for each new size. The values are
    # set below.
    model = nnx.eval_shape(lambda: layers.network(spec.placed))
    _fill(model, spec)
    if spec.training:
        model.train()
    else:
        model.eval()
    return model


def _fill(model: Any, spec: ModelSpec) -> None:
    """Set the values of all tensors. A tensor with several names gets one value."""
    # Keyed by identity. The places keep the leaves alive, so that no identity is reused.
    places = list({id(place.leaf): place for place in reversed(list(_places(model)))}.values())
    for index, place in enumerate(reversed(places)):
        place.set(_value(spec, index, tuple(place.leaf.shape), place.leaf.dtype, place.path[-1]))


def _value(spec: ModelSpec, index: int, shape: tuple[int, ...], dtype: Any, key: Any) -> Any:
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        kind = "prng-key-rbg" if "rbg" in str(dtype) else "prng-key"
        return tensors.build(dataclasses.replace(fill_spec(spec, index, "uint32", shape), traits=(kind,)))
    filled = tensors.build(fill_spec(spec, index, str(dtype), shape))
    positive = (key[-1] if isinstance(key, tuple) else key) in _POSITIVE or not jnp.issubdtype(dtype, jnp.floating)
    return jax.device_put(np.abs(np.asarray(filled)), filled.sharding) if positive else filled


def state(model: Any) -> Any:
    return nnx_state.pure_state(model)


def load_state(model: Any, state: Any) -> None:
    nnx_state.replace_state(model, state)


def _joined(path: tuple[Any, ...]) -> str:
    """Return a path as one name. Wrapper modules of NNX have keys that are paths themselves."""
    return ".".join(_joined(step) if isinstance(step, tuple) else str(step) for step in path)


@dataclasses.dataclass(slots=True)
class _Place:
    """A module, variable or array (``leaf``) in a model: its path from the model, and the object
    that holds it.
    """

    path: tuple[Any, ...]
    leaf: Any
    holder: Any

    def set(self, value: Any) -> None:
        from flax import nnx

        if isinstance(self.leaf, nnx.Variable):
            self.leaf.set_value(value)
        elif isinstance(self.holder, dict | list):
            self.holder[self.path[-1]] = value
        else:
            setattr(self.holder, str(self.path[-1]), value)


def _places(model: Any) -> Iterator[_Place]:
    """Return all variables and arrays of a model, under each of their names."""
    return (place for place in _walk(model) if not owns(place.leaf))


def _walk(model: Any) -> Iterator[_Place]:
    """Yield the modules, variables and arrays of a model under each of their names, and a module
    before its contents.

    NNX's own iteration visits each object only once. Static attributes of modules are skipped.
    """
    from flax import nnx

    todo: list[tuple[_Place, tuple[int, ...]]] = [(_Place((), model, None), ())]
    while todo:
        place, above = todo.pop()
        here = place.leaf
        if isinstance(here, nnx.Variable | jax.Array | jax.ShapeDtypeStruct):
            yield place
            continue
        if owns(here):
            yield place
        if id(here) not in above:
            below = (*above, id(here))
            todo.extend((_Place((*place.path, key), child, here), below) for key, child in reversed(_children(here)))


def _children(node: Any) -> list[tuple[Any, Any]]:
    """Return the contents of a module or container with their keys, in an order that depends only
    on the architecture.
    """
    if isinstance(node, list | tuple):
        return list(enumerate(node))
    if isinstance(node, Mapping) and not owns(node):
        return sorted(node.items(), key=lambda item: str(item[0]))
    from flax import nnx

    if isinstance(node, getattr(nnx, "Pytree", nnx.Object)):
        tracked = getattr(node, _TRACKED_ATTRIBUTES, {})
        return [(key, value) for key, value in _attributes(node) if tracked.get(key, True)]
    return []


def _attributes(node: Any) -> list[tuple[Any, Any]]:
    """Return the attributes of a module without those of NNX.

    Indices of a list come first, as ints.
    """
    own = {key: value for key, value in vars(node).items() if not key.startswith(("_pytree__", "_object__"))}
    indices = sorted(int(key) for key in own if key.isdecimal())
    return [(key, own[str(key)]) for key in (*indices, *sorted(key for key in own if not key.isdecimal()))]


def read(model: Any) -> ModelReading:
    found = modules(model)
    modes = {key: [getattr(module, mode, None) for mode in _MODES] for key, module in found.items()}
    return ModelReading(
        tensors={_joined(place.path): place.leaf for place in _places(model)},
        training={key: False in mode for key, mode in modes.items() if mode != [None, None]},
        settings={key: _settings(module) for key, module in found.items()},
    )


def _settings(module: Any) -> str:
    plain = {key: _plain(key, value) for key, value in _attributes(module) if isinstance(key, str) and key not in _MODES}
    return f"{type(module).__qualname__}({', '.join(f'{key}={value}' for key, value in plain.items() if value)})"


def _plain(key: str, value: Any) -> str:
    """Return a plain value or a dtype as text, and an empty text for other values, whose repr may
    contain an address.
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, tuple | list):
        within = [_plain(key, each) for each in value]
        return f"({', '.join(within)})" if all(within) else ""
    return str(jnp.dtype(value)) if key.endswith("dtype") and isinstance(value, type | np.dtype) else ""


def modules(model: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    met: set[int] = set()
    for place in _walk(model):
        if owns(place.leaf) and id(place.leaf) not in met:
            met.add(id(place.leaf))
            found[_joined(place.path)] = place.leaf
    return found


def run(model: Any, inputs: Any) -> Any:
    from flax import nnx

    # A call changes the model: layers count their random draws, and wrappers replace the weights.
    # So a clone is called.
    clone = nnx.clone(model)
    clone.eval()
    return call_with(clone, inputs)


def copy(model: Any) -> Any:
    from flax import nnx

    definition, state = nnx.split(model)
    return nnx.merge(definition, jax.tree.map(jnp.copy, state))


def make_unsavable(model: Any) -> None:
    from flax import nnx

    last = list(modules(model).values())[-1]
    last.unsavable = nnx.Param(Unsavable())
