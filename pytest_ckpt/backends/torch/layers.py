"""Build the layers of a network in PyTorch. Activations between layers have their channels last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from ...specs.layers import HEADS, VOCABULARY, Placed
from ..model_base import NetworkBuilder

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
#: Modules that expect the channels directly after the batch axis.
_CHANNELS_FIRST = (*_CONVOLUTIONS, *_POOLS, nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.PReLU)
_FLOATS = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16}


def apply(module: Any, inputs: Any) -> Any:
    """Return the outputs of a module; inputs and outputs have their channels last."""
    if isinstance(module, _CHANNELS_FIRST):
        return module(inputs.movedim(-1, 1)).movedim(1, -1)
    if isinstance(module, nn.ModuleList | nn.ModuleDict):
        for each in module.values() if isinstance(module, nn.ModuleDict) else module:
            inputs = apply(each, inputs)
        return inputs
    if isinstance(module, nn.RNNBase):
        return module(inputs)[0]
    if isinstance(module, nn.MultiheadAttention):
        return module(inputs, inputs, inputs, need_weights=False)[0]
    if isinstance(module, nn.Linear):
        return module(inputs.to(module.weight.dtype)).to(torch.float32)
    return module(inputs)


class Network(nn.Module):  # type: ignore[misc]
    """Named modules that are applied one after the other."""

    def __init__(self, modules: Mapping[str, Any]) -> None:
        super().__init__()
        self.steps = tuple(modules)
        for step, module in modules.items():
            self.add_module(step, module)

    def forward(self, inputs: Any) -> Any:
        for step in self.steps:
            inputs = apply(getattr(self, step), inputs)
        return inputs


class Residual(Network):
    """A network whose inputs are added to its outputs."""

    def forward(self, inputs: Any) -> Any:
        return inputs + super().forward(inputs)


class Shift(nn.Module):  # type: ignore[misc]
    """Adds a parameter, a buffer, or a buffer that is not saved."""

    def __init__(self, channels: int, kind: str, dtype: Any) -> None:
        super().__init__()
        if kind == "parameter":
            self.shift = nn.Parameter(torch.zeros(channels, dtype=dtype))
        else:
            self.register_buffer("shift", torch.arange(1, channels + 1, dtype=dtype), persistent=kind == "buffer")

    def forward(self, inputs: Any) -> Any:
        return (inputs + self.shift).to(torch.float32)


class Scale(nn.Module):  # type: ignore[misc]
    """Multiplies by a number that is stored as extra state."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 1.0

    def get_extra_state(self) -> Any:
        return {"scale": self.scale}

    def set_extra_state(self, state: Any) -> None:
        self.scale = state["scale"]

    def forward(self, inputs: Any) -> Any:
        return inputs * self.scale


_POOL = {"max-pool": (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), "average-pool": (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)}
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


def _convolution(kind: Any) -> Callable[[Placed], Any]:
    return lambda here: kind(here.takes[-1], here.layer.size, 3, padding=1)


def _recurrent(kind: Any) -> Callable[[Placed], Any]:
    return lambda here: kind(here.takes[-1], here.layer.size, here.layer.depth, batch_first=True, bidirectional=here.layer.both_ways)


def _pool(here: Placed) -> Any:
    return _POOL[here.layer.kind][len(here.takes) - 2](2)


def _shift(here: Placed) -> Any:
    return Shift(here.takes[-1], here.layer.kind, _FLOATS[here.layer.dtype])


def _linear(here: Placed) -> Any:
    return nn.Linear(here.takes[-1], here.layer.size)


_MAKE: dict[str, Callable[[Placed], Any]] = {
    "dense": lambda here: _linear(here).to(_FLOATS[here.layer.dtype]),
    "lazy-dense": lambda here: nn.LazyLinear(here.layer.size),
    "relu": lambda here: nn.ReLU(),
    "leaky-relu": lambda here: nn.LeakyReLU(here.layer.number),
    "prelu": lambda here: nn.PReLU(here.takes[-1]),
    "dropout": lambda here: nn.Dropout(here.layer.number),
    "max-pool": _pool,
    "average-pool": _pool,
    "conv1d": _convolution(nn.Conv1d),
    "conv2d": _convolution(nn.Conv2d),
    "conv3d": _convolution(nn.Conv3d),
    "conv1d-transposed": _convolution(nn.ConvTranspose1d),
    "conv2d-transposed": _convolution(nn.ConvTranspose2d),
    "conv3d-transposed": _convolution(nn.ConvTranspose3d),
    "depthwise": lambda here: nn.Conv2d(here.takes[-1], here.takes[-1], 3, padding=1, groups=here.takes[-1]),
    "batch-norm": lambda here: _BATCH_NORMS[len(here.takes) - 1](here.takes[-1], eps=here.layer.number),
    "layer-norm": lambda here: nn.LayerNorm(here.takes[-1], eps=here.layer.number),
    "group-norm": lambda here: nn.GroupNorm(HEADS, here.takes[-1], eps=here.layer.number),
    "instance-norm": lambda here: _INSTANCE_NORMS[len(here.takes) - 2](
        here.takes[-1], eps=here.layer.number, affine=True, track_running_stats=True
    ),
    "rms-norm": lambda here: nn.RMSNorm(here.takes[-1], eps=here.layer.number),
    "embedding": lambda here: nn.Embedding(VOCABULARY, here.layer.size),
    "rnn": _recurrent(nn.RNN),
    "lstm": _recurrent(nn.LSTM),
    "gru": _recurrent(nn.GRU),
    "attention": lambda here: nn.MultiheadAttention(here.takes[-1], HEADS, batch_first=True),
    "transformer": lambda here: nn.TransformerEncoderLayer(here.takes[-1], HEADS, 2 * here.takes[-1], batch_first=True),
    "weight-norm": lambda here: nn.utils.parametrizations.weight_norm(_linear(here)),
    "spectral-norm": lambda here: nn.utils.parametrizations.spectral_norm(_linear(here)),
    "parameter": _shift,
    "buffer": _shift,
    "unsaved-buffer": _shift,
    "extra-state": lambda here: Scale(),
    "tied": _linear,
}


class _Builder(NetworkBuilder):
    def make(self, here: Placed) -> Any:
        if here.inside:
            return _HOLDERS[here.layer.kind](self.build_all(here.inside))
        module = _MAKE[here.layer.kind](here)
        if here.layer.kind == "tied":
            module.weight = self.built[here.layer.of].weight
        return module

    def freeze(self, built: Any) -> None:
        # requires_grad_() raises for the parameters of lazy layers, which have no shape yet.
        for parameter in built.parameters():
            parameter.requires_grad = False


_HOLDERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "model": Network,
    "residual": Residual,
    "list": lambda modules: nn.ModuleList(modules.values()),
    "dict": nn.ModuleDict,
}


def network(layers: tuple[Placed, ...]) -> Any:
    """Return a network of these layers, with the initial values that torch draws."""
    return Network(_Builder().build_all(layers))
