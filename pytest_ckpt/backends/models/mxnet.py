"""Networks of MXNet: `mxnet.gluon.Block`. All that is built here is hybrid, so that it can be exported as a graph too."""

from __future__ import annotations

import contextlib
import copy as copies
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import mxnet as mx
import numpy as np
from mxnet.gluon import nn, rnn

from ...specs import ModelSpec
from ...specs.layers import HEADS, VOCABULARY, Placed
from .. import mxnet as tensors
from ..base import CannotBuild, stable
from .base import Look, called, fill_of

name = "mxnet"

_CONVOLUTIONS = (nn.Conv1D, nn.Conv2D, nn.Conv3D)
_TRANSPOSED = (nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose)
_POOL = {"max-pool": (nn.MaxPool1D, nn.MaxPool2D, nn.MaxPool3D), "average-pool": (nn.AvgPool1D, nn.AvgPool2D, nn.AvgPool3D)}
#: Blocks that want the channels right after the batch.
_CHANNELS_FIRST = (*_CONVOLUTIONS, *_TRANSPOSED, *_POOL["max-pool"], *_POOL["average-pool"], nn.GroupNorm, nn.InstanceNorm, nn.PReLU)
_RECURRENT = (rnn.RNN, rnn.LSTM, rnn.GRU)
#: What every block keeps about itself, whatever it was configured with.
_MACHINERY = frozenset({*vars(mx.gluon.HybridBlock(prefix="")), "skip_states", "example"})


def applied(F: Any, block: Any, inputs: Any) -> Any:
    """What a block makes of what flows through the network, channels last; ``F`` computes with arrays or with symbols."""
    if isinstance(block, _CHANNELS_FIRST):
        return F.np.moveaxis(block(F.np.moveaxis(inputs, -1, 1)), 1, -1)
    if isinstance(block, nn.HybridSequential):
        for each in block:
            inputs = applied(F, each, inputs)
        return inputs
    if isinstance(block, _RECURRENT):
        # Told here, since by themselves these layers begin in a state that has no size in a graph with numpy's shapes.
        zeros = F.np.zeros_like(F.np.sum(inputs, axis=(1, 2))).reshape((1, -1, 1))
        state = F.np.tile(zeros, (block._num_layers * block._dir, 1, block._hidden_size))
        return block(inputs, [state] * len(block.state_info()))[0]
    if isinstance(block, nn.Dense) and not isinstance(block, HalfDense):
        return block(inputs.astype(block.weight.dtype)).astype("float32")
    return block(inputs)


class Network(mx.gluon.HybridBlock):  # type: ignore[misc]
    """Blocks under names of their own, applied one after the other."""

    def __init__(self, blocks: Mapping[str, Any], prefix: str) -> None:
        super().__init__(prefix=prefix)
        for step, block in blocks.items():
            self.register_child(block, step)

    def hybrid_forward(self, F: Any, inputs: Any) -> Any:
        for block in self._children.values():
            inputs = applied(F, block, inputs)
        return inputs


class Residual(Network):
    """The same, and what came in is added."""

    def hybrid_forward(self, F: Any, inputs: Any) -> Any:
        return inputs + super().hybrid_forward(F, inputs)


class Shift(mx.gluon.HybridBlock):  # type: ignore[misc]
    """Adds a parameter, or a buffer: a parameter that nothing can train."""

    def __init__(self, channels: int, kind: str, dtype: str, prefix: str) -> None:
        super().__init__(prefix=prefix)
        self.shift = self.params.get("shift", shape=(channels,), dtype=dtype, init="zeros", differentiable=kind == "parameter")

    def hybrid_forward(self, F: Any, inputs: Any, shift: Any) -> Any:
        return (inputs.astype("float64") + shift.astype("float64")).astype("float32")


class HalfDense(nn.Dense):  # type: ignore[misc]
    """A dense layer of float16, which multiplies as float32: on a CPU, MXNet multiplies no float16."""

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any) -> Any:
        return super().hybrid_forward(F, x, weight.astype("float32"), bias.astype("float32"))


class _Legacy:
    """For Gluon's layers whose operator knows only MXNet's older arrays, which share their memory with the newer ones."""

    def hybrid_forward(self, F: Any, inputs: Any, **parameters: Any) -> Any:
        older = {key: value.as_nd_ndarray() for key, value in parameters.items()}
        return super().hybrid_forward(F, inputs.as_nd_ndarray(), **older).as_np_ndarray()  # type: ignore[misc]


class GroupNorm(_Legacy, nn.GroupNorm):  # type: ignore[misc]
    """Gluon's layer, for numpy's semantics."""


class InstanceNorm(_Legacy, nn.InstanceNorm):  # type: ignore[misc]
    """Gluon's layer, for numpy's semantics."""


def _prefix(here: Placed) -> str:
    """What Gluon's own names of a layer's parameters begin with, so that they are no others in a second build: its counters
    go on for as long as the process runs."""
    return f"{here.name}."


def _convolution(kinds: tuple[Any, ...]) -> Callable[[Placed], Any]:
    return lambda here: kinds[len(here.takes) - 2](here.layer.size, 3, padding=1, in_channels=here.takes[-1], prefix=_prefix(here))


def _recurrent(kind: Any) -> Callable[[Placed], Any]:
    return lambda here: kind(
        here.layer.size,
        here.layer.depth,
        layout="NTC",
        bidirectional=here.layer.both_ways,
        input_size=here.takes[-1],
        prefix=_prefix(here),
    )


def _pool(here: Placed) -> Any:
    return _POOL[here.layer.kind][len(here.takes) - 2](2, prefix=_prefix(here))


def _shift(here: Placed) -> Any:
    return Shift(here.takes[-1], here.layer.kind, here.layer.dtype, _prefix(here))


def _dense(here: Placed) -> Any:
    kind = HalfDense if here.layer.dtype == "float16" else nn.Dense
    return kind(here.layer.size, flatten=False, dtype=here.layer.dtype, in_units=here.takes[-1], prefix=_prefix(here))


def _norm(kind: Any) -> Callable[[Placed], Any]:
    return lambda here: kind(epsilon=here.layer.number, in_channels=here.takes[-1], prefix=_prefix(here))


_MAKE: dict[str, Callable[[Placed], Any]] = {
    "dense": _dense,
    "lazy-dense": lambda here: nn.Dense(here.layer.size, flatten=False, prefix=_prefix(here)),
    "relu": lambda here: nn.Activation("relu", prefix=_prefix(here)),
    "leaky-relu": lambda here: nn.LeakyReLU(here.layer.number, prefix=_prefix(here)),
    "prelu": lambda here: nn.PReLU(in_channels=here.takes[-1], prefix=_prefix(here)),
    "dropout": lambda here: nn.Dropout(here.layer.number, prefix=_prefix(here)),
    "max-pool": _pool,
    "average-pool": _pool,
    "conv1d": _convolution(_CONVOLUTIONS),
    "conv2d": _convolution(_CONVOLUTIONS),
    "conv3d": _convolution(_CONVOLUTIONS),
    "conv1d-transposed": _convolution(_TRANSPOSED),
    "conv2d-transposed": _convolution(_TRANSPOSED),
    "conv3d-transposed": _convolution(_TRANSPOSED),
    "depthwise": lambda here: nn.Conv2D(
        here.takes[-1], 3, padding=1, groups=here.takes[-1], in_channels=here.takes[-1], prefix=_prefix(here)
    ),
    "batch-norm": lambda here: nn.BatchNorm(axis=-1, epsilon=here.layer.number, in_channels=here.takes[-1], prefix=_prefix(here)),
    "layer-norm": _norm(nn.LayerNorm),
    "group-norm": lambda here: GroupNorm(HEADS, epsilon=here.layer.number, prefix=_prefix(here)),
    "instance-norm": lambda here: InstanceNorm(epsilon=here.layer.number, scale=True, in_channels=here.takes[-1], prefix=_prefix(here)),
    "embedding": lambda here: nn.Embedding(VOCABULARY, here.layer.size, prefix=_prefix(here)),
    "rnn": _recurrent(rnn.RNN),
    "lstm": _recurrent(rnn.LSTM),
    "gru": _recurrent(rnn.GRU),
    "parameter": _shift,
    "buffer": _shift,
}


class _Builder:
    """One network under construction: it remembers its blocks, for others to refer to."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def several(self, layers: tuple[Placed, ...]) -> dict[str, Any]:
        return {here.name.rsplit(".", 1)[-1]: self.one(here) for here in layers}

    def one(self, here: Placed) -> Any:
        layer, place = here.layer, len(self.made)
        self.made.append(None)
        if here.inside:
            block = _HOLDERS[layer.kind](self.several(here.inside), _prefix(here))
        elif layer.kind == "again":
            block = self.made[layer.of]
        elif layer.kind == "tied":
            # Without a bias: one of its own would have the very name of the other's, which Gluon does not allow.
            shared = self.made[layer.of].params
            block = nn.Dense(layer.size, flatten=False, use_bias=False, in_units=here.takes[-1], prefix=_prefix(here), params=shared)
        else:
            block = _MAKE[layer.kind](here)
        if layer.frozen:
            block.collect_params().setattr("grad_req", "null")
        self.made[place] = block
        return block


def _listed(blocks: Mapping[str, Any], prefix: str) -> Any:
    sequence = nn.HybridSequential(prefix=prefix)
    sequence.add(*blocks.values())
    return sequence


_HOLDERS: dict[str, Callable[[dict[str, Any], str], Any]] = {"model": Network, "residual": Residual, "list": _listed}


def owns(obj: Any) -> bool:
    return isinstance(obj, mx.gluon.Block)


def build(spec: ModelSpec) -> Any:
    if why := spec.refusal(name):
        raise CannotBuild(why)
    for here in spec.every():
        if here.layer.dtype not in tensors.dtypes():
            raise CannotBuild(f"mxnet {tensors.version()} cannot create parameters of dtype {here.layer.dtype}")
    with tensors.scope():
        model = Network(_Builder().several(spec.placed), "network.")
        # Zeros, so that no random generator is asked: the values are set afterwards.
        model.initialize(mx.init.Zero())
        # To be exported, a model has to be called: this is what it can be fed.
        model.example = tensors.build(spec.input_spec())
        if not spec.fresh:
            run(model, model.example)
        _fill(model, spec)
    return model


def _fill(model: Any, spec: ModelSpec) -> None:
    """Draws the values of all parameters that have a shape."""
    for index, (key, parameter) in enumerate(distinct(model).items()):
        if parameter._data is not None:
            filled = tensors.build(fill_of(spec, index, np.dtype(parameter.dtype).name, tuple(parameter.shape)))
            parameter.set_data(mx.np.abs(filled) if key.endswith("running_var") else filled)


def parameters_of(model: Any) -> dict[str, Any]:
    """Every parameter under the names that `save_parameters` writes, which hold no counters; those of an imported graph, whose
    names that method cuts short, under the names in its file."""
    if isinstance(model, mx.gluon.SymbolBlock):
        return dict(model.params.items())
    return dict(model._collect_params_with_prefix())


def distinct(model: Any) -> dict[str, Any]:
    """The same, and one that has several names stands under the first of them alone."""
    found: dict[int, tuple[str, Any]] = {}
    for key, parameter in parameters_of(model).items():
        found.setdefault(id(parameter), (key, parameter))
    return dict(found.values())


def _data(model: Any) -> dict[str, Any]:
    """The arrays of all parameters that have one; of a parameter with several names, the very same object."""
    arrays: dict[int, Any] = {}
    found = {}
    for key, parameter in parameters_of(model).items():
        if parameter._data is not None:
            found[key] = arrays.setdefault(id(parameter), parameter._data[0].detach())
    return found


def state(model: Any) -> Any:
    """Without the parameters that have no shape yet: `save_parameters` refuses to write a model that has such."""
    return _data(model)


def load_state(model: Any, state: Any) -> None:
    """Raises ValueError where names, shapes or dtypes are not the model's; a dimension that it does not know yet fits any."""
    own = parameters_of(model)
    if set(own) != set(state):
        raise ValueError(f"the state has the names {sorted(state)}, the model {sorted(own)}")
    for key, parameter in own.items():
        came, dtype = tuple(state[key].shape), np.dtype(parameter.dtype)
        if len(came) != len(parameter.shape) or any(size not in (-1, 0, given) for size, given in zip(parameter.shape, came, strict=True)):
            raise ValueError(f"{key!r} has the shape {came} in the state, and {tuple(parameter.shape)} in the model")
        if np.dtype(state[key].dtype) != dtype:
            raise ValueError(f"{key!r} is of {state[key].dtype} in the state, and of {dtype} in the model")
    for key, parameter in own.items():
        if parameter._data is None:
            parameter.shape = tuple(state[key].shape)
            parameter.initialize(mx.init.Zero())
        parameter.set_data(state[key])


def look(model: Any) -> Look:
    """Parameters that have no shape yet stand there as a text. What is not trained is seen by what autograd knows, and not by
    what the parameter says of itself."""
    parameters, arrays = parameters_of(model), _data(model)
    return Look(
        tensors={key: arrays.get(key, f"not initialized, {each.shape}") for key, each in parameters.items()},
        frozen={key: each.grad_req == "null" if each._data is None else each._data[0].grad is None for key, each in parameters.items()},
        settings={key: f"{type(block).__qualname__}({_settings(block)})" for key, block in modules(model).items()},
    )


def _settings(block: Any) -> str:
    own = {key: value for key, value in vars(block).items() if key not in _MACHINERY}
    plain = {key: value for key, value in own.items() if not isinstance(value, mx.gluon.Block | mx.gluon.Parameter)}
    return ", ".join(f"{key.lstrip('_')}={stable(value)}" for key, value in sorted(plain.items()))


def modules(model: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {}

    def walk(block: Any, path: str) -> None:
        found[path] = block
        for key, child in block._children.items():
            walk(child, f"{path}.{key}" if path else key)

    walk(model, "")
    return found


@contextlib.contextmanager
def _semantics_of(model: Any) -> Iterator[None]:
    """Numpy's semantics where the model's arrays are of `mxnet.np`, MXNet's own where they are not. An imported graph has arrays of
    the older kind under both, and one that has none does not tell."""
    arrays = _data(model).values()
    numpy = any(isinstance(array, mx.np.ndarray) for array in arrays)
    if not numpy and (not arrays or isinstance(model, mx.gluon.SymbolBlock)):
        numpy = mx.util.is_np_array()
    # Numpy's arrays are not allowed without its shapes, not even in between.
    outer, inner = (mx.util.np_shape, mx.util.np_array) if numpy else (mx.util.np_array, mx.util.np_shape)
    with outer(numpy), inner(numpy):
        yield
        # What goes wrong in the background is to surface here.
        mx.nd.waitall()


def run(model: Any, inputs: Any) -> Any:
    with _semantics_of(model), mx.autograd.pause(train_mode=False):
        return called(model, inputs)


def copy(model: Any) -> Any:
    """A deep copy alone would train nothing, since autograd does not know the copied parameters, and fails where the model has
    been hybridized."""
    memo: dict[int, Any] = {}
    with _semantics_of(model):
        for parameter in distinct(model).values():
            memo[id(parameter)] = _copied(parameter)
        for block in modules(model).values():
            if isinstance(block, mx.gluon.HybridBlock):
                # The graph is immutable; the compiled one is made anew from it at the next call.
                memo[id(block._cached_op)] = None
                memo[id(block._cached_graph)] = block._cached_graph
        return copies.deepcopy(model, memo)


def _copied(parameter: Any) -> Any:
    copied = copies.copy(parameter)
    copied._trainer = None
    copied._data, copied._grad = (None if each is None else [array.copy() for array in each] for each in (parameter._data, parameter._grad))
    if copied._grad is not None:
        mx.autograd.mark_variables(copied._data, copied._grad, copied.grad_req)
    return copied
