"""Build the layers of a network in Gluon. Activations between layers have their channels last.

All layers are hybrid blocks, so that a network can also be exported as a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mxnet as mx
from mxnet.gluon import nn, rnn

from ...specs.layers import HEADS, VOCABULARY, Placed
from ..model_base import NetworkBuilder

_CONVOLUTIONS = (nn.Conv1D, nn.Conv2D, nn.Conv3D)
_TRANSPOSED = (nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose)
_POOL = {"max-pool": (nn.MaxPool1D, nn.MaxPool2D, nn.MaxPool3D), "average-pool": (nn.AvgPool1D, nn.AvgPool2D, nn.AvgPool3D)}
#: Blocks that expect the channels directly after the batch axis.
_CHANNELS_FIRST = (*_CONVOLUTIONS, *_TRANSPOSED, *_POOL["max-pool"], *_POOL["average-pool"], nn.GroupNorm, nn.InstanceNorm, nn.PReLU)
_RECURRENT = (rnn.RNN, rnn.LSTM, rnn.GRU)


def apply(F: Any, block: Any, inputs: Any) -> Any:
    """Return the outputs of a block; inputs and outputs have their channels last.

    ``F`` is the namespace of operators, for arrays or for symbols.
    """
    if isinstance(block, _CHANNELS_FIRST):
        return F.np.moveaxis(block(F.np.moveaxis(inputs, -1, 1)), 1, -1)
    if isinstance(block, nn.HybridSequential):
        for each in block:
            inputs = apply(F, each, inputs)
        return inputs
    if isinstance(block, _RECURRENT):
        # The initial state is given here, because the default one has no size in a graph with
        # numpy's shapes.
        zeros = F.np.zeros_like(F.np.sum(inputs, axis=(1, 2))).reshape((1, -1, 1))
        state = F.np.tile(zeros, (block._num_layers * block._dir, 1, block._hidden_size))
        return block(inputs, [state] * len(block.state_info()))[0]
    if isinstance(block, nn.Dense) and not isinstance(block, HalfDense):
        return block(inputs.astype(block.weight.dtype)).astype("float32")
    return block(inputs)


class Network(mx.gluon.HybridBlock):  # type: ignore[misc]
    """Named blocks that are applied one after the other."""

    def __init__(self, blocks: Mapping[str, Any], prefix: str) -> None:
        super().__init__(prefix=prefix)
        for step, block in blocks.items():
            self.register_child(block, step)

    def hybrid_forward(self, F: Any, inputs: Any) -> Any:
        for block in self._children.values():
            inputs = apply(F, block, inputs)
        return inputs


class Residual(Network):
    """A network whose inputs are added to its outputs."""

    def hybrid_forward(self, F: Any, inputs: Any) -> Any:
        return inputs + super().hybrid_forward(F, inputs)


class Shift(mx.gluon.HybridBlock):  # type: ignore[misc]
    """Adds a parameter, or a buffer: a parameter that is not differentiable."""

    def __init__(self, channels: int, kind: str, dtype: str, prefix: str) -> None:
        super().__init__(prefix=prefix)
        self.shift = self.params.get("shift", shape=(channels,), dtype=dtype, init="zeros", differentiable=kind == "parameter")

    def hybrid_forward(self, F: Any, inputs: Any, shift: Any) -> Any:
        return (inputs.astype("float64") + shift.astype("float64")).astype("float32")


class HalfDense(nn.Dense):  # type: ignore[misc]
    """A dense layer of float16 that computes in float32, because MXNet cannot multiply float16 on a
    CPU.
    """

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any) -> Any:
        return super().hybrid_forward(F, x, weight.astype("float32"), bias.astype("float32"))


class _Legacy:
    """A mixin for layers whose operator accepts only `mx.nd` arrays, which share memory with
    `mx.np` arrays.
    """

    def hybrid_forward(self, F: Any, inputs: Any, **parameters: Any) -> Any:
        older = {key: value.as_nd_ndarray() for key, value in parameters.items()}
        return super().hybrid_forward(F, inputs.as_nd_ndarray(), **older).as_np_ndarray()  # type: ignore[misc]


class GroupNorm(_Legacy, nn.GroupNorm):  # type: ignore[misc]
    """Gluon's layer, under numpy semantics."""


class InstanceNorm(_Legacy, nn.InstanceNorm):  # type: ignore[misc]
    """Gluon's layer, under numpy semantics."""


def _prefix(here: Placed) -> str:
    """Return the prefix for Gluon's names of a layer's parameters.

    With the default prefix, names would differ between two builds: it contains a counter of the
    process.
    """
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


class _Builder(NetworkBuilder):
    def make(self, here: Placed) -> Any:
        layer = here.layer
        if here.inside:
            return _HOLDERS[layer.kind](self.build_all(here.inside), _prefix(here))
        if layer.kind == "tied":
            # Without a bias: it would get the name of the other layer's bias, which Gluon does not
            # allow.
            shared = self.built[layer.of].params
            return nn.Dense(layer.size, flatten=False, use_bias=False, in_units=here.takes[-1], prefix=_prefix(here), params=shared)
        return _MAKE[layer.kind](here)

    def freeze(self, built: Any) -> None:
        built.collect_params().setattr("grad_req", "null")


def _listed(blocks: Mapping[str, Any], prefix: str) -> Any:
    sequence = nn.HybridSequential(prefix=prefix)
    sequence.add(*blocks.values())
    return sequence


_HOLDERS: dict[str, Callable[[dict[str, Any], str], Any]] = {"model": Network, "residual": Residual, "list": _listed}


def network(layers: tuple[Placed, ...]) -> Any:
    """Return a network of these layers, not initialized."""
    return Network(_Builder().build_all(layers), "network.")
