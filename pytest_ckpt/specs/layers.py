"""`LayerSpec`: one layer of a network, and the table of layers. Plain Python; a backend builds each with its own.

What flows between layers is one tensor of shape (batch, *lengths, channels), channels last in every framework: a
backend whose layers want them elsewhere moves them. So layers of all kinds follow one another in any order that fits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ..util.suggestions import nearest
from .base import Spec
from .dtypes import JAX, MXNET, TENSORFLOW, TORCH

Shape = tuple[int, ...]

_EVERY = (TORCH, TENSORFLOW, JAX, MXNET)
#: How many different ints an embedding takes, and how many heads an attention has.
VOCABULARY = 7
HEADS = 2
#: What the parameters of a layer may be made of.
LAYER_DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class LayerKind:
    """A row of the table: which backends build it, and what it needs.

    ``lengths`` are the numbers of dimensions between batch and channels that it takes; ``sized`` says that its ``size`` is how
    many channels it puts out, otherwise it puts out as many as come in; ``setting`` is what its one number is called, and
    ``usual`` that number where a spec says nothing. ``even`` layers want an even number of channels. ``learns`` says whether it has
    parameters or buffers. ``needs`` is what a spec of it cannot do without: "inside" or "of".
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
#: Layers that keep a state from one step to the next.
RECURRENT = ("rnn", "lstm", "gru")
#: Layers whose parameters can be of another dtype than what flows through the network.
MIXED = ("dense", "parameter", "buffer")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class LayerSpec(Spec):
    """One layer of a `ModelSpec`: a ``kind`` of `LAYERS` that puts out ``size`` channels (0: as many as come in).

    ``inside`` are the layers of one that holds others, applied one after the other; ``of`` is the place of another layer, counted in
    the order in which layers are written down, that an "again" uses once more and a "tied" takes its weight from. Recurrent layers
    are ``depth`` deep and may run ``both_ways``. ``setting`` is the kind's one number (None: the usual). ``name`` is what the layer is
    called (default: after its place). Raises ValueError, with what is possible, for what is no layer.
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
            raise ValueError(f"a layer {self.kind!r} has no depth and runs one way; those that have are {', '.join(RECURRENT)}")
        if self.dtype not in LAYER_DTYPES:
            raise ValueError(f"unknown dtype of a layer {self.dtype!r}: {nearest(self.dtype, LAYER_DTYPES)}")
        if self.dtype != "float32" and self.kind not in MIXED:
            raise ValueError(f"a layer {self.kind!r} is of float32; those that need not be are {', '.join(MIXED)}")
        if self.depth < 1:
            raise ValueError(f"a depth is at least 1, not {self.depth!r}")

    @property
    def number(self) -> float:
        """The setting, or the usual one."""
        return LAYERS[self.kind].usual if self.setting is None else self.setting


@dataclasses.dataclass(frozen=True)
class Placed:
    """A layer where it stands in a network: its full name, what flows in and out (without the batch), and its place."""

    layer: LayerSpec
    name: str
    takes: Shape
    gives: Shape
    inside: tuple[Placed, ...] = ()


def placed(layers: tuple[LayerSpec, ...], takes: Shape) -> tuple[Placed, ...]:
    """Every layer with the shapes that flow through it. Raises ValueError, with what would fit, where they do not."""
    met: list[Placed | None] = []

    def one(layer: LayerSpec, name: str, takes: Shape) -> Placed:
        place = len(met)
        met.append(None)
        if LAYERS[layer.kind].needs == "inside":
            within = several(layer.inside, takes, _children(layer, name))
            gives = within[-1].gives
            if layer.kind == "residual" and gives != takes:
                raise ValueError(f"what is inside of a residual layer gives back the shape that it takes, {takes}, not {gives}")
        else:
            within = ()
            gives = _gives(layer, takes, met)
        here = met[place] = Placed(layer, name, takes, gives, within)
        return here

    def several(layers: tuple[LayerSpec, ...], takes: Shape, names: Callable[[int, LayerSpec], str]) -> tuple[Placed, ...]:
        found: list[Placed] = []
        for index, layer in enumerate(layers):
            if layer.kind == "embedding" and (index or met):
                raise ValueError("an embedding is the first layer of a model")
            found.append(one(layer, names(index, layer), found[-1].gives if found else takes))
        known = [each.name for each in found]
        if len(set(known)) != len(known):
            raise ValueError(f"layers beside each other have names of their own, not {known}")
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
        raise ValueError(f"a layer {layer.kind!r} takes {wanted} dimension(s) beside the batch, not the shape {takes}")
    if row.even and channels % HEADS:
        raise ValueError(f"a layer {layer.kind!r} wants an even number of channels, not {channels}")
    if layer.kind == "embedding":
        return (*takes, layer.size)
    if layer.kind in ("max-pool", "average-pool"):
        if min(takes[:-1]) < 2:
            raise ValueError(f"pooling halves every length, so none may be below 2: {takes}")
        return (*(length // 2 for length in takes[:-1]), channels)
    if row.needs == "of":
        return _gives_again(layer, takes, met)
    return (*takes[:-1], (layer.size or channels) * (1 + layer.both_ways))


def _gives_again(layer: LayerSpec, takes: Shape, met: list[Placed | None]) -> Shape:
    other = met[layer.of] if layer.of < len(met) else None
    if other is None or LAYERS[other.layer.kind].needs:
        raise ValueError(f"a layer {layer.kind!r} with of={layer.of} refers to a layer that stands before it and holds no others")
    if layer.kind == "tied":
        if other.layer.kind != "dense" or (other.takes[-1], other.gives[-1]) != (takes[-1], layer.size) or other.layer.dtype != "float32":
            raise ValueError(f"a tied layer takes its weight from a dense one of float32 with the same channels, not from {other.layer!r}")
        return (*takes[:-1], layer.size)
    if takes != other.takes or other.layer.kind == "embedding":
        raise ValueError(f"a layer that is used again takes what it took before, {other.takes}, not {takes}")
    return other.gives
