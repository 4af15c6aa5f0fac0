"""The interface of a backend for models: its functions, in the order of each backend's `models.py`,
and their results.

Knows specs and no framework.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from ..specs import Fill, ModelSpec, TensorSpec, special_patterns
from ..specs.layers import Placed


@dataclasses.dataclass(slots=True)
class ModelReading:
    """Everything that can be compared about one model.

    - ``tensors``: parameters and buffers by full name, including those that the framework does not
      save. A tensor with several names appears under each of them, as the same object.
    - ``frozen``: by tensor name, whether the tensor is excluded from training, where the tensor
      does not show this.
    - ``training``: by layer name, whether the layer is in training mode.
    - ``settings``: by layer name, the configuration of the layer, as far as the framework shows it.
    - ``unsaved``: names of tensors that the framework leaves out when it saves.
    - ``random_states``: names of tensors that hold the random state of a layer, where the framework
      does not save it.
    - ``tracked``: other objects in which the framework holds the tensors that it tracks.
    """

    tensors: dict[str, Any]
    frozen: dict[str, bool] = dataclasses.field(default_factory=dict)
    training: dict[str, bool] = dataclasses.field(default_factory=dict)
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    unsaved: frozenset[str] = frozenset()
    random_states: frozenset[str] = frozenset()
    tracked: tuple[Any, ...] = ()


class ModelBackend(Protocol):
    """The functions of a backend for models.

    A backend is a module, or any object with these functions.
    """

    def owns(self, obj: Any) -> bool:
        """Return whether ``obj`` is a model of this framework."""

    def build(self, spec: ModelSpec) -> Any:
        """Return the model that ``spec`` describes, always with the same bits. Raises CannotBuild.

        Where the framework can export a model only after a call (torch and MXNet), the model has an
        attribute ``example``: an input tensor that the model accepts. A format can pass it to an
        exporter, as in ``torch.export.export(model, (model.example,))``.
        """

    def state(self, model: Any) -> Any:
        """Return the model's state as a tree, in the form in which the framework itself would save
        it.
        """

    def load_state(self, model: Any, state: Any) -> None:
        """Load a result of `state` into a model of the same architecture, in place.

        Raises if it does not fit.
        """

    def read(self, model: Any) -> ModelReading:
        """Return everything that can be compared about a model."""

    def modules(self, model: Any) -> Mapping[str, Any]:
        """Return the model and all modules in it that the framework tracks, by name."""

    def run(self, model: Any, inputs: Any) -> Any:
        """Return the outputs for ``inputs`` in inference mode.

        A tuple gives positional arguments, and a dict gives keyword arguments. The framework's
        random numbers start from a fixed state, as far as the framework allows this. The call
        leaves the model, including its mode and counters, and the framework's random state
        unchanged.
        """

    def copy(self, model: Any) -> Any:
        """Return a copy of the model that shares no memory with it."""

    def make_unsavable(self, model: Any) -> None:
        """Add an object that cannot be saved to the last module of the model, so that saving the
        model raises.
        """


class NetworkBuilder:
    """Builds the layers of one network. It keeps the layers built so far, since later ones may
    refer to them.

    A backend's subclass defines `make` and, where layers can be frozen when they are built,
    `freeze`.
    """

    def __init__(self) -> None:
        self.built: list[Any] = []

    def build_all(self, layers: tuple[Placed, ...]) -> dict[str, Any]:
        """Return the built layers by the last part of their name."""
        return {here.name.rsplit(".", 1)[-1]: self.build(here) for here in layers}

    def build(self, here: Placed) -> Any:
        """Return the built layer; a layer of kind "again" is the earlier layer itself."""
        place = len(self.built)
        self.built.append(None)
        built = self.built[here.layer.of] if here.layer.kind == "again" else self.make(here)
        if here.layer.frozen:
            self.freeze(built)
        self.built[place] = built
        return built

    def make(self, here: Placed) -> Any:
        """Return a new layer."""
        raise NotImplementedError

    def freeze(self, built: Any) -> None:
        """Exclude the parameters of a layer from training."""
        raise NotImplementedError


def fill_spec(spec: ModelSpec, index: int, dtype: str, shape: tuple[int, ...]) -> TensorSpec:
    """Return the spec of the model's tensor number ``index``."""
    if spec.values == "zeros":
        return TensorSpec(dtype, shape)
    seed = (spec.seed * 1009 + index) % (1 << 64)
    if spec.values == "ordinary":
        return TensorSpec(dtype, shape, fill=Fill(seed))
    # Half of the elements get special patterns. The patterns differ between tensors and between
    # seeds.
    patterns, count = special_patterns(dtype), TensorSpec(dtype, shape).size
    rotated = [patterns[(place + seed) % len(patterns)] for place in range(min(len(patterns), (count + 1) // 2))]
    return TensorSpec(dtype, shape, fill=Fill(seed, "any", tuple(enumerate(rotated))))


def call_with(function: Any, inputs: Any, **more: Any) -> Any:
    """Call a function with ``inputs``: a tuple gives positional arguments, a mapping gives keyword
    arguments.
    """
    if isinstance(inputs, tuple):
        return function(*inputs, **more)
    if isinstance(inputs, Mapping):
        return function(**inputs, **more)
    return function(inputs, **more)
