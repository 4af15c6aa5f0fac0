"""`ModelSpec`: a neural network as a small value. Plain Python; each backend builds it with its own layers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

from ..util.suggestions import nearest
from .base import Spec
from .layers import LAYERS, VOCABULARY, LayerSpec, Placed, Shape, placed
from .tensors import Fill, TensorSpec

#: The values that the tensors of a model can have.
VALUES = ("ordinary", "any", "zeros")
#: The number of inputs in one batch.
BATCH = 2


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ModelSpec(Spec):
    """A network of ``layers`` in sequence, for inputs of the shape ``inputs``, without the batch dimension and channels last.

    The values of parameters and buffers depend on ``seed``, which is at least 1. ``values`` is
    "ordinary", "any" (any bit pattern of the dtype), or "zeros". ``training`` is the mode in which
    the model is left. A ``fresh`` model has never been called, so its lazy layers have no sizes yet.

    Raises ValueError, with the possible values, if the layers do not fit together.
    """

    layers: tuple[LayerSpec, ...]
    inputs: Shape
    seed: int = 1
    training: bool = False
    fresh: bool = False
    values: str = "ordinary"

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a model must have at least one layer")
        if not 0 < self.seed < 1 << 64:
            raise ValueError(f"the seed of a model must be an int from 1 to 2**64 - 1, not {self.seed!r}")
        if self.values not in VALUES:
            raise ValueError(f"unknown values {self.values!r}: {nearest(self.values, VALUES)}")
        if type(self.inputs) is not tuple or not self.inputs or not all(type(size) is int and size > 0 for size in self.inputs):
            raise ValueError(f"the inputs of a model must be a tuple of positive ints, not {self.inputs!r}")
        _ = self.placed

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in super().__getstate__().items() if name != "placed"}

    @functools.cached_property
    def placed(self) -> tuple[Placed, ...]:
        """Return the layers with their names and the shapes of their inputs and outputs."""
        return placed(self.layers, self.inputs)

    def all_layers(self) -> Iterator[Placed]:
        """Yield all layers, with those inside others, in the order in which the spec lists them. ``of`` is an index into it."""
        todo = list(reversed(self.placed))
        while todo:
            here = todo.pop()
            yield here
            todo.extend(reversed(here.inside))

    def refusal(self, backend: str) -> str | None:
        """Return why the built-in backend cannot build this model, according to the table; None if it can."""
        missing = [each.layer.kind for each in self.all_layers() if backend not in LAYERS[each.layer.kind].backends]
        return f"{backend} has no layer {missing[0]!r}" if missing else None

    def input_spec(self, seed: int = 1, batch: int = BATCH) -> TensorSpec:
        """Return inputs for the model: floats, or ints if its first layer is an embedding."""
        shape = (batch, *self.inputs)
        if self.layers[0].kind != "embedding":
            return TensorSpec("float32", shape, fill=Fill(seed))
        count = TensorSpec("int32", shape).size
        return TensorSpec("int32", shape, fill=Fill(specials=tuple((place, (3 * place + seed) % VOCABULARY) for place in range(count))))


def other_model(spec: ModelSpec) -> ModelSpec:
    """Return the same model with other values."""
    return dataclasses.replace(spec, seed=spec.seed % ((1 << 64) - 1) + 1)


def layers_in(spec: Spec) -> Iterator[LayerSpec]:
    """Yield every layer in any model that a spec contains."""
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
