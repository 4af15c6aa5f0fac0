"""`ModelSpec`: a network as a small value. Plain Python; a backend builds it with its own layers."""

from __future__ import annotations

import dataclasses
import itertools

from .base import Spec


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Dense(Spec):
    """A dense layer of ``units`` outputs; ``lazy`` leaves the input size to the first call, where the framework can."""

    units: int
    activation: str = ""
    lazy: bool = True

    def __post_init__(self) -> None:
        if self.activation not in ("", "relu"):
            raise ValueError(f"unknown activation {self.activation!r}: possible are: '', 'relu'")
        if self.units < 1:
            raise ValueError(f"a dense layer has at least one unit, not {self.units!r}")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ModelSpec(Spec):
    """A stack of ``layers`` for inputs of ``inputs`` numbers each, with parameters drawn from ``seed`` (not 0)."""

    layers: tuple[Dense, ...]
    inputs: int
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a model has at least one layer")
        if not 0 < self.seed < 1 << 64:
            raise ValueError(f"the seed of a model is an int from 1 to 2**64 - 1, not {self.seed!r}")

    def shapes(self) -> tuple[tuple[tuple[int, int], int], ...]:
        """For each layer the weight's (outputs, inputs) and the number of biases."""
        sizes = [self.inputs, *(layer.units for layer in self.layers)]
        return tuple(((after, before), after) for before, after in itertools.pairwise(sizes))
