"""Build the layers of a network in Flax NNX.

Flax is imported, and the classes are defined, when the first network is built.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from ...specs.layers import HEADS, VOCABULARY, Placed
from ..base import CannotBuild

_FLOATS = {"float32": jnp.float32, "float64": jnp.float64, "float16": jnp.float16, "bfloat16": jnp.bfloat16}
_CLASS_NAMES = ("Network", "Residual", "Shift", "Buffer", "Activation", "Pool", "Transformer")

#: The order in which a network applies its modules: the name of each, and the steps inside it if it
#: is a list or dict of modules. The order is stored, because NNX sorts attributes, and the keys of
#: its dicts, when it splits and merges a model.
Steps = tuple[tuple[Any, Any], ...]


@functools.cache
def _classes() -> dict[str, Any]:
    """Define the classes of modules, and return them by name."""
    from flax import nnx

    def apply(module: Any, within: Steps, inputs: Any) -> Any:
        """Return the outputs of a module, or of a list or dict of modules with the steps
        ``within``.
        """
        for key, inner in within:
            inputs = apply(module[key], inner, inputs)
        return inputs if within else module(inputs)

    class Network(nnx.Module):  # type: ignore[misc]
        """Named modules that are applied one after the other."""

        def __init__(self, modules: Mapping[str, Any], steps: Steps) -> None:
            self.steps = steps
            for step, module in modules.items():
                setattr(self, step, module)

        def __call__(self, inputs: Any) -> Any:
            for step, within in self.steps:
                inputs = apply(getattr(self, step), within, inputs)
                # The outputs of a layer have the dtype of the layer.
                inputs = inputs if inputs.dtype == jnp.float32 else inputs.astype(jnp.float32)
            return inputs

    class Residual(Network):
        """A network whose inputs are added to its outputs."""

        def __call__(self, inputs: Any) -> Any:
            return inputs + super().__call__(inputs)

    class Buffer(nnx.Variable):  # type: ignore[misc]
        """A tensor that is saved but not trained."""

    class Shift(nnx.Module):  # type: ignore[misc]
        """Adds a parameter, or a buffer."""

        def __init__(self, channels: int, kind: str, dtype: Any) -> None:
            self.shift = {"parameter": nnx.Param, "buffer": Buffer}[kind](jnp.zeros(channels, dtype))

        def __call__(self, inputs: Any) -> Any:
            return inputs + self.shift[...]

    class Activation(nnx.Module):  # type: ignore[misc]
        """An activation that Flax has only as a function."""

        def __init__(self, kind: str, slope: float) -> None:
            self.kind, self.slope = kind, slope

        def __call__(self, inputs: Any) -> Any:
            return nnx.relu(inputs) if self.kind == "relu" else nnx.leaky_relu(inputs, self.slope)

    class Pool(nnx.Module):  # type: ignore[misc]
        """Pools by two along every spatial axis."""

        def __init__(self, kind: str, lengths: int) -> None:
            self.kind, self.window = kind, (2,) * lengths

        def __call__(self, inputs: Any) -> Any:
            pool = nnx.max_pool if self.kind == "max-pool" else nnx.avg_pool
            return pool(inputs, self.window, strides=self.window)

    class Transformer(nnx.Module):  # type: ignore[misc]
        """A transformer encoder block: attention and two dense layers, each with a residual
        connection and a norm.

        NNX has no layer for it.
        """

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

    classes = {each.__name__: each for each in (Network, Residual, Shift, Buffer, Activation, Pool, Transformer)}
    for key, each in classes.items():
        each.__qualname__ = key  # pickle finds the class by this name, through the module's __getattr__
    return classes


def __getattr__(attribute: str) -> Any:
    if attribute in _CLASS_NAMES:
        return _classes()[attribute]
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")


def ones(key: Any, shape: tuple[int, ...]) -> Any:
    """Return initial scales of float32. With 64-bit types, the default of NNX would be float64."""
    return jnp.ones(shape, jnp.float32)


def _nnx(kind: str) -> Any:
    """Return a class of NNX. Raises CannotBuild if the installed version does not have it."""
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
    return _classes()["Pool"](here.layer.kind, len(here.takes) - 1)


def _activation(here: Placed, rngs: Any) -> Any:
    return _classes()["Activation"](here.layer.kind, here.layer.number)


def _shift(here: Placed, rngs: Any) -> Any:
    return _classes()["Shift"](here.takes[-1], here.layer.kind, _FLOATS[here.layer.dtype])


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
    "transformer": lambda here, rngs: _classes()["Transformer"](here.takes[-1], rngs),
    "weight-norm": _weight_norm,
    "spectral-norm": lambda here, rngs: _nnx("SpectralNorm")(_dense(here, rngs), rngs=rngs),
    "parameter": _shift,
    "buffer": _shift,
    "tied": _dense,
}


class _Builder:
    """Builds the modules of one network.

    It keeps the modules built so far, since later layers may refer to them.
    """

    def __init__(self) -> None:
        from flax import nnx

        self.built: list[tuple[Any, Steps]] = []
        self.rngs = nnx.Rngs(0)

    def build_all(self, layers: tuple[Placed, ...], listed: bool = False) -> tuple[dict[str, Any], Steps]:
        modules, steps = {}, []
        for index, here in enumerate(layers):
            key = here.name.rsplit(".", 1)[-1]
            if key == "steps" or hasattr(_nnx("Dict"), key):
                raise CannotBuild(f"nnx modules have an attribute {key!r}, so no layer can have that name")
            modules[key], within = self.build(here)
            steps.append((index if listed else key, within))
        return modules, tuple(steps)

    def build(self, here: Placed) -> tuple[Any, Steps]:
        layer, place = here.layer, len(self.built)
        within: Steps = ()
        self.built.append((None, ()))
        if layer.kind in ("list", "dict"):
            modules, within = self.build_all(here.inside, layer.kind == "list")
            module = _nnx("List")(modules.values()) if layer.kind == "list" else _nnx("Dict")(modules)
        elif here.inside:
            module = _classes()["Residual" if layer.kind == "residual" else "Network"](*self.build_all(here.inside))
        elif layer.kind == "again":
            module, within = self.built[layer.of]
        else:
            module = _MAKE[layer.kind](here, self.rngs)
            if layer.kind == "tied":
                module.kernel = self.built[layer.of][0].kernel
        self.built[place] = module, within
        return module, within


def network(layers: tuple[Placed, ...]) -> Any:
    """Return a network of these layers, with the initial values that NNX draws."""
    return _classes()["Network"](*_Builder().build_all(layers))
