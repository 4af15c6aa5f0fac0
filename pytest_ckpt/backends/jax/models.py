"""Networks of Flax: `flax.nnx.Module`. Flax is imported when the first network is asked for."""

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

#: What layers call their mode, each of them True where the layer is used and not trained.
_MODES = ("deterministic", "use_running_average")
#: Where NNX writes down of a module which of its attributes hold tensors.
_NOTES = "_pytree__nodes"
#: Names of variables that are variances or norms, and so are positive.
_POSITIVE = ("var", "sigma")


def owns(obj: Any) -> bool:
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(obj, nnx.Module)


def build(spec: ModelSpec) -> Any:
    if why := spec.refusal(name):
        raise CannotBuild(why)
    if any(here.layer.frozen for here in spec.every()):
        raise CannotBuild("nnx has no flag for parameters that are not trained")
    if spec.fresh:
        raise CannotBuild("nnx has no layers that learn their sizes")
    from flax import nnx

    # Only the shapes, so that nothing is drawn, nor a generator compiled for each new size: the values are set below.
    model = nnx.eval_shape(lambda: layers.network(spec.placed))
    _fill(model, spec)
    if spec.training:
        model.train()
    else:
        model.eval()
    return model


def _fill(model: Any, spec: ModelSpec) -> None:
    """Draws the values of everything that is a tensor; one that has several names is drawn once."""
    # By identity, and kept alive by the list, so that no other gets it meanwhile.
    places = list({id(place.leaf): place for place in reversed(list(_places(model)))}.values())
    for index, place in enumerate(reversed(places)):
        place.set(_drawn(spec, index, tuple(place.leaf.shape), place.leaf.dtype, place.path[-1]))


def _drawn(spec: ModelSpec, index: int, shape: tuple[int, ...], dtype: Any, key: Any) -> Any:
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
    """A path as one name; the wrappers of NNX have keys that are paths themselves."""
    return ".".join(_joined(step) if isinstance(step, tuple) else str(step) for step in path)


@dataclasses.dataclass(slots=True)
class _Place:
    """Where a module, variable or array stands: what holds it, under which key, and the path from the model."""

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
    """Every variable and array of a model, under each of its names."""
    return (place for place in _walk(model) if not owns(place.leaf))


def _walk(model: Any) -> Iterator[_Place]:
    """The modules, variables and arrays of a model, a module before what is in it, those with several names under each: NNX itself
    goes to each but once. What a module keeps as static is not NNX', and not looked at."""
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
    """What is in a module, or in a container, with its key, in an order that is the same for every model of one architecture."""
    if isinstance(node, list | tuple):
        return list(enumerate(node))
    if isinstance(node, Mapping) and not owns(node):
        return sorted(node.items(), key=lambda item: str(item[0]))
    from flax import nnx

    if isinstance(node, getattr(nnx, "Pytree", nnx.Object)):
        tracked = getattr(node, _NOTES, {})
        return [(key, value) for key, value in _attributes(node) if tracked.get(key, True)]
    return []


def _attributes(node: Any) -> list[tuple[Any, Any]]:
    """The attributes of a module but for NNX' own, places in its lists as numbers and first."""
    mine = {key: value for key, value in vars(node).items() if not key.startswith(("_pytree__", "_object__"))}
    places = sorted(int(key) for key in mine if key.isdecimal())
    return [(key, mine[str(key)]) for key in (*places, *sorted(key for key in mine if not key.isdecimal()))]


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
    """A plain value as text, a dtype by its name; nothing for anything else, whose repr might hold an address."""
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

    # Layers count how often they have drawn, and the wrappers of weights put the weight that they have used in the place of the old
    # one: all that happens to a copy.
    used = nnx.clone(model)
    used.eval()
    return call_with(used, inputs)


def copy(model: Any) -> Any:
    from flax import nnx

    definition, state = nnx.split(model)
    return nnx.merge(definition, jax.tree.map(jnp.copy, state))


def make_unsavable(model: Any) -> None:
    from flax import nnx

    last = list(modules(model).values())[-1]
    last.unsavable = nnx.Param(Unsavable())
