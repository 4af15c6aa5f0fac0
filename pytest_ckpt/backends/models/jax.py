"""Networks of Flax: `flax.nnx.Module`. Flax is imported, and the classes below are made, when the first network is asked for."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...specs import ModelSpec
from ...specs.layers import HEADS, VOCABULARY, Placed
from .. import jax as tensors
from ..base import CannotBuild
from .base import Look, called, fill_of

name = "jax"

_FLOATS = {"float32": jnp.float32, "float64": jnp.float64, "float16": jnp.float16, "bfloat16": jnp.bfloat16}
#: What layers call their mode, each of them True where the layer is used and not trained.
_MODES = ("deterministic", "use_running_average")
#: Where NNX writes down of a module which of its attributes hold tensors.
_NOTES = "_pytree__nodes"
#: Names of variables that are variances or norms, and so are positive.
_POSITIVE = ("var", "sigma")
_CLASSES = ("Network", "Residual", "Shift", "Buffer", "Activation", "Pool", "Transformer")

#: What a network does: names of modules in their order, and for a list or dict of modules the same of what it holds. NNX sorts the
#: attributes of modules, and so the keys of its dicts, whenever it takes a model apart and puts it together again.
Steps = tuple[tuple[Any, Any], ...]


@functools.cache
def _made() -> dict[str, Any]:
    """The classes that networks are made of, by their names."""
    from flax import nnx

    def applied(module: Any, within: Steps, inputs: Any) -> Any:
        """What a module makes of what flows through the network."""
        for key, inner in within:
            inputs = applied(module[key], inner, inputs)
        return inputs if within else module(inputs)

    class Network(nnx.Module):  # type: ignore[misc]
        """Modules under names of their own, applied one after the other."""

        def __init__(self, modules: Mapping[str, Any], steps: Steps) -> None:
            self.steps = steps
            for step, module in modules.items():
                setattr(self, step, module)

        def __call__(self, inputs: Any) -> Any:
            for step, within in self.steps:
                # Layers of another dtype give that.
                inputs = applied(getattr(self, step), within, inputs)
                inputs = inputs if inputs.dtype == jnp.float32 else inputs.astype(jnp.float32)
            return inputs

    class Residual(Network):
        """The same, and what came in is added."""

        def __call__(self, inputs: Any) -> Any:
            return inputs + super().__call__(inputs)

    class Buffer(nnx.Variable):  # type: ignore[misc]
        """A tensor that is saved and not trained."""

    class Shift(nnx.Module):  # type: ignore[misc]
        """Adds a parameter, or a buffer."""

        def __init__(self, channels: int, kind: str, dtype: Any) -> None:
            self.shift = {"parameter": nnx.Param, "buffer": Buffer}[kind](jnp.zeros(channels, dtype))

        def __call__(self, inputs: Any) -> Any:
            return inputs + self.shift[...]

    class Activation(nnx.Module):  # type: ignore[misc]
        """What Flax has as a function, with its setting."""

        def __init__(self, kind: str, slope: float) -> None:
            self.kind, self.slope = kind, slope

        def __call__(self, inputs: Any) -> Any:
            return nnx.relu(inputs) if self.kind == "relu" else nnx.leaky_relu(inputs, self.slope)

    class Pool(nnx.Module):  # type: ignore[misc]
        """Halves every length."""

        def __init__(self, kind: str, lengths: int) -> None:
            self.kind, self.window = kind, (2,) * lengths

        def __call__(self, inputs: Any) -> Any:
            pool = nnx.max_pool if self.kind == "max-pool" else nnx.avg_pool
            return pool(inputs, self.window, strides=self.window)

    class Transformer(nnx.Module):  # type: ignore[misc]
        """One block of a transformer, which NNX has no layer for: attention and two dense layers, each added and normalized."""

        def __init__(self, channels: int, rngs: Any) -> None:
            self.attention = nnx.MultiHeadAttention(HEADS, channels, decode=False, rngs=rngs)
            self.wide = nnx.Linear(channels, 2 * channels, rngs=rngs)
            self.narrow = nnx.Linear(2 * channels, channels, rngs=rngs)
            self.first_norm = nnx.LayerNorm(channels, rngs=rngs)
            self.second_norm = nnx.LayerNorm(channels, rngs=rngs)
            self.dropout = nnx.Dropout(0.125, rngs=rngs)

        def __call__(self, inputs: Any) -> Any:
            inputs = self.first_norm(inputs + self.dropout(self.attention(inputs)))
            return self.second_norm(inputs + self.dropout(self.narrow(nnx.relu(self.wide(inputs)))))

    made = {each.__name__: each for each in (Network, Residual, Shift, Buffer, Activation, Pool, Transformer)}
    for key, each in made.items():
        each.__qualname__ = key  # so that pickle finds it, through __getattr__ below
    return made


def __getattr__(attribute: str) -> Any:
    if attribute in _CLASSES:
        return _made()[attribute]
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")


def ones(key: Any, shape: tuple[int, ...]) -> Any:
    """Scales to begin with: of float32 also where NNX would make them of float64, with the 64-bit types."""
    return jnp.ones(shape, jnp.float32)


def _nnx(kind: str) -> Any:
    """A class of NNX; not every version has all of them. Raises CannotBuild."""
    import flax
    from flax import nnx

    if not hasattr(nnx, kind):
        raise CannotBuild(f"flax {flax.__version__} has no nnx.{kind}")
    return getattr(nnx, kind)


def _dense(here: Placed, rngs: Any) -> Any:
    dtype = _FLOATS[here.layer.dtype]
    return _nnx("Linear")(here.takes[-1], here.layer.size, dtype=dtype, param_dtype=dtype, rngs=rngs)


def _convolution(kind: str) -> Callable[[Placed, Any], Any]:
    return lambda here, rngs: _nnx(kind)(here.takes[-1], here.layer.size, (3,) * (len(here.takes) - 1), rngs=rngs)


def _depthwise(here: Placed, rngs: Any) -> Any:
    channels = here.takes[-1]
    return _nnx("Conv")(channels, channels, (3, 3), feature_group_count=channels, rngs=rngs)


def _norm(kind: str) -> Callable[[Placed, Any], Any]:
    more = {"num_groups": HEADS} if kind == "GroupNorm" else {}
    return lambda here, rngs: _nnx(kind)(here.takes[-1], epsilon=here.layer.number, rngs=rngs, **more)


def _recurrent(kind: str) -> Callable[[Placed, Any], Any]:
    def one_way(takes: int, size: int, rngs: Any) -> Any:
        return _nnx("RNN")(_nnx(kind)(takes, size, rngs=rngs))

    def make(here: Placed, rngs: Any) -> Any:
        layer, takes, stack = here.layer, here.takes[-1], []
        for _ in range(layer.depth):
            ways = [one_way(takes, layer.size, rngs) for _ in range(1 + layer.both_ways)]
            stack.append(_nnx("Bidirectional")(*ways) if layer.both_ways else ways[0])
            takes = here.gives[-1]
        return stack[0] if len(stack) == 1 else _nnx("Sequential")(*stack)

    return make


def _weight_norm(here: Placed, rngs: Any) -> Any:
    return _nnx("WeightNorm")(_dense(here, rngs), scale_init=ones, dtype=jnp.float32, rngs=rngs)


def _pool(here: Placed, rngs: Any) -> Any:
    return _made()["Pool"](here.layer.kind, len(here.takes) - 1)


def _activation(here: Placed, rngs: Any) -> Any:
    return _made()["Activation"](here.layer.kind, here.layer.number)


def _shift(here: Placed, rngs: Any) -> Any:
    return _made()["Shift"](here.takes[-1], here.layer.kind, _FLOATS[here.layer.dtype])


_MAKE: dict[str, Callable[[Placed, Any], Any]] = {
    "dense": _dense,
    "relu": _activation,
    "leaky-relu": _activation,
    "prelu": lambda here, rngs: _nnx("PReLU")(),
    "dropout": lambda here, rngs: _nnx("Dropout")(here.layer.number, rngs=rngs),
    "max-pool": _pool,
    "average-pool": _pool,
    "conv1d": _convolution("Conv"),
    "conv2d": _convolution("Conv"),
    "conv3d": _convolution("Conv"),
    "conv1d-transposed": _convolution("ConvTranspose"),
    "conv2d-transposed": _convolution("ConvTranspose"),
    "conv3d-transposed": _convolution("ConvTranspose"),
    "depthwise": _depthwise,
    "batch-norm": _norm("BatchNorm"),
    "layer-norm": _norm("LayerNorm"),
    "group-norm": _norm("GroupNorm"),
    "instance-norm": _norm("InstanceNorm"),
    "rms-norm": _norm("RMSNorm"),
    "embedding": lambda here, rngs: _nnx("Embed")(VOCABULARY, here.layer.size, rngs=rngs),
    "rnn": _recurrent("SimpleCell"),
    "lstm": _recurrent("LSTMCell"),
    "gru": _recurrent("GRUCell"),
    "attention": lambda here, rngs: _nnx("MultiHeadAttention")(HEADS, here.takes[-1], decode=False, rngs=rngs),
    "transformer": lambda here, rngs: _made()["Transformer"](here.takes[-1], rngs),
    "weight-norm": _weight_norm,
    "spectral-norm": lambda here, rngs: _nnx("SpectralNorm")(_dense(here, rngs), rngs=rngs),
    "parameter": _shift,
    "buffer": _shift,
    "tied": _dense,
}


class _Builder:
    """One network under construction: it remembers its modules, for others to refer to."""

    def __init__(self) -> None:
        from flax import nnx

        self.made: list[tuple[Any, Steps]] = []
        self.rngs = nnx.Rngs(0)

    def several(self, layers: tuple[Placed, ...], listed: bool = False) -> tuple[dict[str, Any], Steps]:
        modules, steps = {}, []
        for index, here in enumerate(layers):
            key = here.name.rsplit(".", 1)[-1]
            if key == "steps" or hasattr(_nnx("Dict"), key):
                raise CannotBuild(f"modules of nnx have something else under the name {key!r}")
            modules[key], within = self.one(here)
            steps.append((index if listed else key, within))
        return modules, tuple(steps)

    def one(self, here: Placed) -> tuple[Any, Steps]:
        layer, place = here.layer, len(self.made)
        within: Steps = ()
        self.made.append((None, ()))
        if layer.kind in ("list", "dict"):
            modules, within = self.several(here.inside, layer.kind == "list")
            module = _nnx("List")(modules.values()) if layer.kind == "list" else _nnx("Dict")(modules)
        elif here.inside:
            module = _made()["Residual" if layer.kind == "residual" else "Network"](*self.several(here.inside))
        elif layer.kind == "again":
            module, within = self.made[layer.of]
        else:
            module = _MAKE[layer.kind](here, self.rngs)
            if layer.kind == "tied":
                module.kernel = self.made[layer.of][0].kernel
        self.made[place] = module, within
        return module, within


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
    model = nnx.eval_shape(lambda: _made()["Network"](*_Builder().several(spec.placed)))
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
        return tensors.build(dataclasses.replace(fill_of(spec, index, "uint32", shape), traits=(kind,)))
    filled = tensors.build(fill_of(spec, index, str(dtype), shape))
    positive = (key[-1] if isinstance(key, tuple) else key) in _POSITIVE or not jnp.issubdtype(dtype, jnp.floating)
    return jax.device_put(np.abs(np.asarray(filled)), filled.sharding) if positive else filled


def state(model: Any) -> Any:
    return pure(model)


def load_state(model: Any, state: Any) -> None:
    replace(model, state)


def pure(node: Any) -> dict[Any, Any]:
    """The state of a model, or of anything else of NNX, as nested dicts of arrays: how Flax' guide saves it."""
    from flax import nnx

    # What an optimizer does not keep for a parameter stands there as a placeholder without an array.
    return nested({path: leaf for path, leaf in flat(nnx.to_pure_dict(nnx.state(node))).items() if jax.tree.leaves(leaf)})


def replace(node: Any, state: Any) -> None:
    """Puts back, in place, what `pure` gave. Raises ValueError, and alters nothing, where it does not fit."""
    from flax import nnx

    own = nnx.state(node)
    nnx.replace_by_pure_dict(own, fitted(pure(node), state))
    nnx.update(node, own)


def fitted(own: Mapping[Any, Any], state: Any) -> dict[Any, Any]:
    """The arrays of ``state``. Raises ValueError unless paths, shapes and dtypes are just those of ``own``: NNX itself lets names be
    missing, and takes any shape."""
    ours, theirs = flat(own), flat(state)
    if missing := [path for path in ours if path not in theirs]:
        raise ValueError(f"the state has no {_shown(missing[0])}, one of {len(missing)} missing; it has {_names(theirs)}")
    if more := [path for path in theirs if path not in ours]:
        raise ValueError(f"the state has {_shown(more[0])}, one of {len(more)} too many; there are {_names(ours)}")
    values = {}
    for path, wanted in ours.items():
        came = theirs[path]
        if _told(came) != _told(wanted):
            raise ValueError(f"{_shown(path)} is {_told(wanted)}, and the state has {_told(came)}")
        # On the same device, for good: what is compiled for one that may wander is compiled once more.
        values[path] = jax.device_put(came, wanted.sharding)
        if _told(values[path]) != _told(wanted):
            raise ValueError(f"{_shown(path)} is {_told(wanted)}, of which jax makes {_told(values[path])} with its present settings")
    return nested(values)


def _told(leaf: Any) -> str:
    return f"{leaf.dtype} of shape {tuple(leaf.shape)}" if hasattr(leaf, "dtype") else f"a {type(leaf).__name__}"


def flat(tree: Any) -> dict[tuple[Any, ...], Any]:
    """The leaves of nested dicts by their paths."""
    if not isinstance(tree, Mapping):
        raise ValueError(f"a state is a dict, not a {type(tree).__name__}")
    found: dict[tuple[Any, ...], Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found.update({(key, *path): leaf for path, leaf in flat(value).items()})
        else:
            found[(key,)] = value
    return found


def nested(leaves: Mapping[tuple[Any, ...], Any]) -> dict[Any, Any]:
    """What `flat` has made flat."""
    tree: dict[Any, Any] = {}
    for path, leaf in leaves.items():
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = leaf
    return tree


def _shown(path: tuple[Any, ...]) -> str:
    """A path as text that tells places from their names, 0 from '0'."""
    return "/".join(map(repr, path))


def _names(paths: Mapping[tuple[Any, ...], Any]) -> str:
    return ", ".join(map(_shown, paths)) or "nothing"


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


def look(model: Any) -> Look:
    found = modules(model)
    modes = {key: [getattr(module, mode, None) for mode in _MODES] for key, module in found.items()}
    return Look(
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
    return called(used, inputs)


def copy(model: Any) -> Any:
    from flax import nnx

    definition, state = nnx.split(model)
    return nnx.merge(definition, jax.tree.map(jnp.copy, state))
