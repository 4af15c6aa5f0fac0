"""The layers of Gluon that networks are made of: how each is built, and how it is applied to what flows through, channels last.

All are hybrid, so that a network can be exported as a graph too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mxnet as mx
from mxnet.gluon import nn, rnn

from ...specs.layers import HEADS, VOCABULARY, Placed

_CONVOLUTIONS = (nn.Conv1D, nn.Conv2D, nn.Conv3D)
_TRANSPOSED = (nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose)
_POOL = {"max-pool": (nn.MaxPool1D, nn.MaxPool2D, nn.MaxPool3D), "average-pool": (nn.AvgPool1D, nn.AvgPool2D, nn.AvgPool3D)}
#: Blocks that want the channels right after the batch.
_CHANNELS_FIRST = (*_CONVOLUTIONS, *_TRANSPOSED, *_POOL["max-pool"], *_POOL["average-pool"], nn.GroupNorm, nn.InstanceNorm, nn.PReLU)
_RECURRENT = (rnn.RNN, rnn.LSTM, rnn.GRU)


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


def network(layers: tuple[Placed, ...]) -> Any:
    """The network of these layers, without any values."""
    return Network(_Builder().several(layers), "network.")
