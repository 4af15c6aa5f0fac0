"""`LayerSpec`: one layer of a network, and the table of layers. Plain Python; each backend builds them with its own layers.

Every layer has one input and one output of shape (batch, *lengths, channels), channels last in every
framework; a backend transposes where its layers expect another order. So all layers with fitting
shapes can be combined.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ..util.suggestions import nearest
from .base import Spec
from .dtypes import JAX, MXNET, TENSORFLOW, TORCH

Shape = tuple[int, ...]

_EVERY = (TORCH, TENSORFLOW, JAX, MXNET)
#: The number of different inputs of an embedding, and the number of heads of an attention layer.
VOCABULARY = 7
HEADS = 2
#: The possible dtypes of the parameters of a layer.
LAYER_DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class LayerKind:
    """One row of the table: the built-in backends that have the layer, and its arguments.

    ``lengths`` are the possible numbers of dimensions between batch and channels. A ``sized`` layer
    has ``size`` output channels, another one as many as input channels. ``setting`` is the name of
    its one number, and ``usual`` the default of that. An ``even`` layer needs an even number of
    channels. ``learns`` is True if it has parameters or buffers. ``needs`` is an argument that its
    spec must have: "inside" or "of".
    """

    backends: tuple[str, ...]
    lengths: tuple[int, ...] = (0, 1, 2, 3)
    sized: bool = False
    setting: str = ""
    usual: float = 0.0
    even: bool = False
    learns: bool = True
    needs: str = ""


LAYERS: dict[str, LayerKind] = {
    "dense": LayerKind(_EVERY, sized=True),
    "lazy-dense": LayerKind((TORCH, TENSORFLOW, MXNET), sized=True),
    "relu": LayerKind(_EVERY, learns=False),
    "leaky-relu": LayerKind(_EVERY, setting="slope", usual=0.25, learns=False),
    "prelu": LayerKind(_EVERY),
    "dropout": LayerKind(_EVERY, setting="rate", usual=0.5, learns=False),
    "max-pool": LayerKind(_EVERY, (1, 2, 3), learns=False),
    "average-pool": LayerKind(_EVERY, (1, 2, 3), learns=False),
    "conv1d": LayerKind(_EVERY, (1,), sized=True),
    "conv2d": LayerKind(_EVERY, (2,), sized=True),
    "conv3d": LayerKind(_EVERY, (3,), sized=True),
    "conv1d-transposed": LayerKind(_EVERY, (1,), sized=True),
    "conv2d-transposed": LayerKind(_EVERY, (2,), sized=True),
    "conv3d-transposed": LayerKind(_EVERY, (3,), sized=True),
    "depthwise": LayerKind(_EVERY, (2,)),
    "batch-norm": LayerKind(_EVERY, setting="epsilon", usual=1e-3),
    "layer-norm": LayerKind(_EVERY, setting="epsilon", usual=1e-3),
    "group-norm": LayerKind(_EVERY, (1, 2, 3), setting="epsilon", usual=1e-3, even=True),
    "instance-norm": LayerKind(_EVERY, (1, 2, 3), setting="epsilon", usual=1e-3),
    "rms-norm": LayerKind((TORCH, TENSORFLOW, JAX), setting="epsilon", usual=1e-3),
    "embedding": LayerKind(_EVERY, (0,), sized=True),
    "rnn": LayerKind(_EVERY, (1,), sized=True),
    "lstm": LayerKind(_EVERY, (1,), sized=True),
    "gru": LayerKind(_EVERY, (1,), sized=True),
    "attention": LayerKind((TORCH, TENSORFLOW, JAX), (1,), even=True),
    "transformer": LayerKind((TORCH, TENSORFLOW, JAX), (1,), even=True),
    "weight-norm": LayerKind((TORCH, JAX), sized=True),
    "spectral-norm": LayerKind((TORCH, TENSORFLOW, JAX), sized=True),
    "parameter": LayerKind(_EVERY),
    "buffer": LayerKind(_EVERY),
    "unsaved-buffer": LayerKind((TORCH,), learns=False),
    "extra-state": LayerKind((TORCH,)),
    "model": LayerKind(_EVERY, learns=False, needs="inside"),
    "list": LayerKind(_EVERY, learns=False, needs="inside"),
    "dict": LayerKind((TORCH, TENSORFLOW, JAX), learns=False, needs="inside"),
    "residual": LayerKind(_EVERY, learns=False, needs="inside"),
    "again": LayerKind(_EVERY, learns=False, needs="of"),
    "tied": LayerKind(_EVERY, sized=True, needs="of"),
}
#: Layers that pass a state from one step of a sequence to the next.
RECURRENT = ("rnn", "lstm", "gru")
#: Layers whose parameters can have another dtype than their input.
MIXED = ("dense", "parameter", "buffer")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class LayerSpec(Spec):
    """One layer of a `ModelSpec`: a ``kind`` in `LAYERS` with ``size`` output channels (0: as many as input channels).

    ``inside`` are the layers that a container applies in sequence. ``of`` is the index of an
    earlier layer, in the order of `ModelSpec.all_layers`: "again" uses that layer a second time,
    and "tied" uses its weight. A recurrent layer has ``depth`` levels, and may be bidirectional
    (``both_ways``). ``setting`` is the number of its kind (None: the default). ``name`` is the name
    of the layer (default: from its position).

    Raises ValueError, with the possible values, for an invalid layer.
    """

    kind: str
    size: int = 0
    inside: tuple[LayerSpec, ...] = ()
    of: int = -1
    setting: float | None = None
    depth: int = 1
    both_ways: bool = False
    frozen: bool = False
    dtype: str = "float32"
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in LAYERS:
            raise ValueError(f"unknown kind of layer {self.kind!r}: {nearest(self.kind, LAYERS)}")
        row = LAYERS[self.kind]
        if (self.size > 0) != row.sized:
            raise ValueError(f"a layer {self.kind!r} {'needs a size' if row.sized else 'takes no size'}, not {self.size!r}")
        if (self.of >= 0) != (row.needs == "of") or bool(self.inside) != (row.needs == "inside"):
            raise ValueError(f"a layer {self.kind!r} needs {row.needs or 'neither inside= nor of='}")
        if self.setting is not None and not row.setting:
            raise ValueError(f"a layer {self.kind!r} has no setting")
        if self.kind not in RECURRENT and (self.depth != 1 or self.both_ways):
            raise ValueError(f"a layer {self.kind!r} has neither depth= nor both_ways=; the layers that do are {', '.join(RECURRENT)}")
        if self.dtype not in LAYER_DTYPES:
            raise ValueError(f"unknown dtype {self.dtype!r} of a layer: {nearest(self.dtype, LAYER_DTYPES)}")
        if self.dtype != "float32" and self.kind not in MIXED:
            raise ValueError(f"a layer {self.kind!r} must be float32; the layers with other dtypes are {', '.join(MIXED)}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, not {self.depth!r}")

    @property
    def number(self) -> float:
        """Return the setting, or its default."""
        return LAYERS[self.kind].usual if self.setting is None else self.setting


@dataclasses.dataclass(frozen=True)
class Placed:
    """A layer in a network: its full name, and the shapes of its input and output without the batch dimension."""

    layer: LayerSpec
    name: str
    takes: Shape
    gives: Shape
    inside: tuple[Placed, ...] = ()


def placed(layers: tuple[LayerSpec, ...], takes: Shape) -> tuple[Placed, ...]:
    """Return every layer with its name and its shapes. Raises ValueError, with what fits, if a layer does not fit its input."""
    met: list[Placed | None] = []

    def one(layer: LayerSpec, name: str, takes: Shape) -> Placed:
        place = len(met)
        met.append(None)
        if LAYERS[layer.kind].needs == "inside":
            within = several(layer.inside, takes, _children(layer, name))
            gives = within[-1].gives
            if layer.kind == "residual" and gives != takes:
                raise ValueError(f"the layers inside a residual layer must return the shape of their input, {takes}, not {gives}")
        else:
            within = ()
            gives = _gives(layer, takes, met)
        here = met[place] = Placed(layer, name, takes, gives, within)
        return here

    def several(layers: tuple[LayerSpec, ...], takes: Shape, names: Callable[[int, LayerSpec], str]) -> tuple[Placed, ...]:
        found: list[Placed] = []
        for index, layer in enumerate(layers):
            if layer.kind == "embedding" and (index or met):
                raise ValueError("an embedding must be the first layer of a model")
            found.append(one(layer, names(index, layer), found[-1].gives if found else takes))
        known = [each.name for each in found]
        if len(set(known)) != len(known):
            raise ValueError(f"the layers of one container must have different names, not {known}")
        return tuple(found)

    return several(layers, takes, lambda index, layer: layer.name or f"layer{index}")


def _children(layer: LayerSpec, name: str) -> Callable[[int, LayerSpec], str]:
    names: dict[str, Callable[[int, LayerSpec], str]] = {
        "list": lambda index, child: f"{name}.{index}",
        "dict": lambda index, child: f"{name}.{child.name or 'abcdefghijklmnopqrstuvwxyz'[index]}",
    }
    return names.get(layer.kind, lambda index, child: f"{name}.{child.name or f'layer{index}'}")


def _gives(layer: LayerSpec, takes: Shape, met: list[Placed | None]) -> Shape:
    row = LAYERS[layer.kind]
    lengths, channels = len(takes) - 1, takes[-1]
    if lengths not in row.lengths:
        wanted = " or ".join(str(each + 1) for each in row.lengths)
        raise ValueError(f"the input of a layer {layer.kind!r} must have {wanted} dimension(s) besides the batch, not the shape {takes}")
    if row.even and channels % HEADS:
        raise ValueError(f"a layer {layer.kind!r} needs an even number of channels, not {channels}")
    if layer.kind == "embedding":
        return (*takes, layer.size)
    if layer.kind in ("max-pool", "average-pool"):
        if min(takes[:-1]) < 2:
            raise ValueError(f"pooling halves every length, so each must be at least 2: {takes}")
        return (*(length // 2 for length in takes[:-1]), channels)
    if row.needs == "of":
        return _gives_again(layer, takes, met)
    return (*takes[:-1], (layer.size or channels) * (1 + layer.both_ways))


def _gives_again(layer: LayerSpec, takes: Shape, met: list[Placed | None]) -> Shape:
    other = met[layer.of] if layer.of < len(met) else None
    if other is None or LAYERS[other.layer.kind].needs:
        raise ValueError(f"a layer {layer.kind!r} needs of= the index of an earlier layer without layers inside, not {layer.of}")
    if layer.kind == "tied":
        if other.layer.kind != "dense" or (other.takes[-1], other.gives[-1]) != (takes[-1], layer.size) or other.layer.dtype != "float32":
            raise ValueError(f"a tied layer needs a dense float32 layer with the same channels, not {other.layer!r}")
        return (*takes[:-1], layer.size)
    if takes != other.takes or other.layer.kind == "embedding":
        raise ValueError(f"a layer that is used again needs an input of the same shape, {other.takes}, not {takes}")
    return other.gives
