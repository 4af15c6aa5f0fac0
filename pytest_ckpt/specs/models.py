"""`ModelSpec`: a network as a small value, and what is asked of two of them. Plain Python; a backend builds it with its own layers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

from ..util.suggestions import nearest
from .base import Spec
from .layers import LAYERS, VOCABULARY, LayerSpec, Placed, Shape, placed
from .tensors import Fill, TensorSpec

#: What the tensors of a model can hold.
VALUES = ("ordinary", "any", "zeros")
#: How many inputs a model is fed at once.
BATCH = 2


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ModelSpec(Spec):
    """``layers``, one after the other, for inputs of the shape ``inputs`` (without the batch, channels last).

    Parameters and buffers are drawn from ``seed`` (not 0): ``values`` are "ordinary" ones, "any" bit pattern the dtype
    has, or "zeros". ``training`` is the mode that it is left in. A ``fresh`` model has never
    been called, so that its lazy layers know no sizes yet. Raises ValueError, with what would fit, for what is no network.
    """

    layers: tuple[LayerSpec, ...]
    inputs: Shape
    seed: int = 1
    training: bool = False
    fresh: bool = False
    values: str = "ordinary"

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a model has at least one layer")
        if not 0 < self.seed < 1 << 64:
            raise ValueError(f"the seed of a model is an int from 1 to 2**64 - 1, not {self.seed!r}")
        if self.values not in VALUES:
            raise ValueError(f"unknown values {self.values!r}: {nearest(self.values, VALUES)}")
        if type(self.inputs) is not tuple or not self.inputs or not all(type(size) is int and size > 0 for size in self.inputs):
            raise ValueError(f"the inputs of a model have a shape of positive ints, not {self.inputs!r}")
        _ = self.placed

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in super().__getstate__().items() if name != "placed"}

    @functools.cached_property
    def placed(self) -> tuple[Placed, ...]:
        """The layers with their names and with the shapes that flow through them."""
        return placed(self.layers, self.inputs)

    def every(self) -> Iterator[Placed]:
        """All layers, those inside of others included, in the order in which they are written down, which is what ``of`` counts."""
        todo = list(reversed(self.placed))
        while todo:
            here = todo.pop()
            yield here
            todo.extend(reversed(here.inside))

    def refusal(self, backend: str) -> str | None:
        """Why ``backend`` has no such network, by the table; None if it has."""
        missing = [each.layer.kind for each in self.every() if backend not in LAYERS[each.layer.kind].backends]
        return f"{backend} has no layer {missing[0]!r}" if missing else None

    def input_spec(self, seed: int = 1, batch: int = BATCH) -> TensorSpec:
        """What the model can be fed: numbers, or ints where its first layer is an embedding."""
        shape = (batch, *self.inputs)
        if self.layers[0].kind != "embedding":
            return TensorSpec("float32", shape, fill=Fill(seed))
        count = TensorSpec("int32", shape).size
        return TensorSpec("int32", shape, fill=Fill(specials=tuple((place, (3 * place + seed) % VOCABULARY) for place in range(count))))


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class LoadInto(Spec):
    """``saved`` is saved, and loaded into ``clone``, which differs in what is asked about."""

    saved: ModelSpec
    clone: ModelSpec


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Mismatch(Spec):
    """``saved`` (a model or a tree) is saved, and loaded into ``target``, which it does not fit."""

    saved: Spec
    target: Spec


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class PartialLoad(Spec):
    """``saved`` is saved, and of it only the layers called ``names`` are loaded, into ``target``."""

    saved: ModelSpec
    target: ModelSpec
    names: tuple[str, ...]


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class NarrowLoad(Spec):
    """``tree`` is saved with 64-bit types, and loaded where the framework is set to have none."""

    tree: Spec


def other_model(spec: ModelSpec) -> ModelSpec:
    """The same network with other parameters."""
    return dataclasses.replace(spec, seed=spec.seed % ((1 << 64) - 1) + 1)


def parts_of(spec: Spec) -> Iterator[LayerSpec]:
    """Every layer that a spec mentions: how big a counterexample is."""
    todo: list[object] = [spec]
    while todo:
        node = todo.pop()
        if isinstance(node, LayerSpec):
            yield node
            todo.extend(node.inside)
        elif isinstance(node, Spec) and dataclasses.is_dataclass(node):
            for field in dataclasses.fields(node):
                value = getattr(node, field.name)
                todo.extend(value if isinstance(value, tuple) else [value])
