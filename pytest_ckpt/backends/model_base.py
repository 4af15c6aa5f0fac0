"""What every backend gives that has networks: the verbs, in the order in which each file has them, and what can be seen of a model.

Knows specs and no framework.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from ..specs import Fill, ModelSpec, TensorSpec, special_patterns


@dataclasses.dataclass(slots=True)
class ModelReading:
    """What can be seen of a model.

    ``tensors`` are parameters and buffers by their full name, those included that the framework does not save; one that has several
    names stands under each, the very same object. ``frozen`` says by such a name what is not trained, where the tensor itself does
    not show it. ``training`` holds the mode of every layer by its name. ``settings`` is, by the same names, what layers were
    configured with, as far as the framework shows it. ``unsaved`` are the names of tensors that the framework leaves out when it saves,
    ``random`` those in which layers keep where their random numbers begin, if it does not save these. ``known`` are further objects
    that hold what the framework tracks.
    """

    tensors: dict[str, Any]
    frozen: dict[str, bool] = dataclasses.field(default_factory=dict)
    training: dict[str, bool] = dataclasses.field(default_factory=dict)
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    unsaved: frozenset[str] = frozenset()
    random: frozenset[str] = frozenset()
    known: tuple[Any, ...] = ()


class ModelBackend(Protocol):
    """The verbs. A module is one, and so may any object of a third party be."""

    def owns(self, obj: Any) -> bool:
        """Whether ``obj`` is a model of this framework."""

    def build(self, spec: ModelSpec) -> Any:
        """The network that ``spec`` describes, always with the same bits. Raises CannotBuild."""

    def state(self, model: Any) -> Any:
        """The model's state as the framework itself would save it: a tree."""

    def load_state(self, model: Any, state: Any) -> None:
        """Puts a state that `state` gave into a model of the same architecture, in place. Raises where it does not fit."""

    def read(self, model: Any) -> ModelReading:
        """Everything that can be compared about a model."""

    def modules(self, model: Any) -> Mapping[str, Any]:
        """The model and every module in it that the framework knows of, by name."""

    def run(self, model: Any, inputs: Any) -> Any:
        """The outputs for ``inputs`` (a tuple is several arguments, a dict named ones), as when the model is used and not trained.
        Random numbers of the framework begin where they always do, as far as it lets them. The model is left as it was: its mode,
        what it counts, and the framework's random numbers."""

    def copy(self, model: Any) -> Any:
        """The same model in other memory."""

    def make_unsavable(self, model: Any) -> None:
        """Puts something into the last of the model's modules that cannot be saved, so that saving the model raises."""


def fill_spec(spec: ModelSpec, index: int, dtype: str, shape: tuple[int, ...]) -> TensorSpec:
    """The values of a model's tensor with number ``index``."""
    if spec.values == "zeros":
        return TensorSpec(dtype, shape)
    seed = (spec.seed * 1009 + index) % (1 << 64)
    if spec.values == "ordinary":
        return TensorSpec(dtype, shape, fill=Fill(seed))
    # Special patterns in half of the elements, others in each tensor, and others for each seed.
    patterns, count = special_patterns(dtype), TensorSpec(dtype, shape).size
    turned = [patterns[(place + seed) % len(patterns)] for place in range(min(len(patterns), (count + 1) // 2))]
    return TensorSpec(dtype, shape, fill=Fill(seed, "any", tuple(enumerate(turned))))


def call_with(function: Any, inputs: Any, **more: Any) -> Any:
    """The function called with ``inputs``: those of a tuple one by one, those of a dict by their names."""
    if isinstance(inputs, tuple):
        return function(*inputs, **more)
    if isinstance(inputs, Mapping):
        return function(**inputs, **more)
    return function(inputs, **more)
