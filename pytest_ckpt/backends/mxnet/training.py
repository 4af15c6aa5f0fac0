"""Build training runs of MXNet.

They use `mxnet.gluon.Trainer`, which holds the optimizer and its scheduler.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import mxnet as mx
import numpy as np

from ...specs import TrainingSpec
from ...specs.models import BATCH
from ..base import CannotBuild
from ..training_base import GROUP_FACTOR, RATE, Run
from . import models

name = "mxnet"

#: Weight decay. Without it, AdaMax would divide zero by zero where gradients are zero.
_DECAY = 1 / 1024
#: Gradient clipping. The limit is rarely reached, and keeps the weights of any drawn network
#: finite.
_CLIP = 1024.0
#: The name of each optimizer in MXNet, and its configuration.
_MAKE: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("sgd", {}),
    "momentum": ("sgd", {"momentum": 0.9}),
    "nesterov": ("nag", {"momentum": 0.9}),
    "adam": ("adam", {}),
    "adamax": ("adamax", {}),
    "nadam": ("nadam", {}),
    "adagrad": ("adagrad", {}),
    "adadelta": ("adadelta", {}),
    "rmsprop": ("rmsprop", {}),
    "rmsprop-centered": ("rmsprop", {"centered": True}),
    "ftrl": ("ftrl", {}),
    "ftml": ("ftml", {}),
    "lamb": ("lamb", {}),
    "signum": ("signum", {}),
}
#: The final learning rate of a schedule. It is not zero, because FTRL divides by it.
_FINAL_RATE = RATE / 64
_SCHEDULES: dict[str, Callable[[], Any]] = {
    "steps": lambda: mx.lr_scheduler.MultiFactorScheduler([1, 3], 0.5, RATE),
    "cosine": lambda: mx.lr_scheduler.CosineScheduler(8, RATE, _FINAL_RATE),
    "polynomial": lambda: mx.lr_scheduler.PolyScheduler(8, RATE, 2, _FINAL_RATE),
}


class GluonRun(Run):
    backend = name

    def __init__(self, spec: TrainingSpec) -> None:
        super().__init__(spec)
        self.model = models.build(spec.model)
        # A list keeps the order of the model. Gluon would sort a dict by names that contain
        # numbers, with 10 before 9.
        self.parameters = models.distinct(self.model)
        trained = [each for each in self.parameters.values() if each.grad_req != "null"]
        if not trained:
            raise CannotBuild("the model has no trainable parameters")
        for place, parameter in enumerate(trained):
            parameter.lr_mult = parameter.wd_mult = GROUP_FACTOR ** (place % spec.groups)
            if spec.accumulate > 1:
                parameter.grad_req = "add"
        kind, more = _MAKE[spec.optimizer]
        schedule = _SCHEDULES[spec.schedule]() if spec.schedule else None
        settings = {"learning_rate": RATE, "wd": _DECAY, "clip_gradient": _CLIP, "lr_scheduler": schedule, **more}
        self.optimizer = mx.gluon.Trainer(list(self.parameters.values()), kind, settings, kvstore=None)

    @property
    def schedule(self) -> Any:
        """The scheduler in use. `Trainer.load_states` replaces it."""
        return self.optimizer.optimizer.lr_scheduler

    def update(self, inputs: Any, targets: Any) -> None:
        with mx.autograd.record():
            outputs = self.model(inputs / 16 if np.dtype(inputs.dtype).kind == "f" else inputs)
            loss = mx.gluon.loss.L2Loss()(outputs, targets / 16)
        loss.backward()
        if (self.step + 1) % self.spec.accumulate == 0:
            self.optimizer.step(BATCH * self.spec.accumulate)
            if self.spec.accumulate > 1:
                for gradient in self._gradients().values():
                    gradient[()] = 0

    def _gradients(self) -> dict[str, Any]:
        return {key: each.grad() for key, each in self.parameters.items() if each.grad_req != "null"}

    def add_noise(self, inputs: Any, number: float) -> Any:
        """Without random numbers of MXNet, see `framework_state`."""
        return inputs + number

    def parts(self) -> dict[str, Any]:
        optimizer = self.optimizer.optimizer
        return {
            "model": models.state(self.model),
            "optimizer": {
                "slots": {key: _slots(state) for key, state in self._states().items()},
                "counts": {key: optimizer._index_update_count[index] for key, index in self._counted()},
                "numbers": _numbers(optimizer),
            },
            "schedule": _numbers(self.schedule),
            **({"gradients": self._gradients()} if self.spec.accumulate > 1 else {}),
        }

    def _states(self) -> dict[str, Any]:
        """Return the optimizer state of each parameter that the updater has updated."""
        states = self.optimizer._updaters[0].states
        return {key: states[index] for index, key in enumerate(self.parameters) if index in states}

    def _counted(self) -> list[tuple[str, int]]:
        counts = self.optimizer.optimizer._index_update_count
        return [(key, index) for index, key in enumerate(self.parameters) if index in counts]

    def restore_parts(self, tree: Any) -> None:
        """Raises ValueError if names, shapes or dtypes differ."""
        optimizer, states = tree["optimizer"], self._restored(tree["optimizer"]["slots"])
        _check_names("counts", optimizer["counts"], states)
        models.load_state(self.model, tree["model"])
        own = self.optimizer.optimizer
        _set_numbers(own, optimizer["numbers"])
        if self.spec.schedule:
            _set_numbers(self.schedule, tree["schedule"])
        updater, index = self.optimizer._updaters[0], {key: place for place, key in enumerate(self.parameters)}
        updater.states = {index[key]: state for key, state in states.items()}
        updater.states_synced = dict.fromkeys(updater.states, True)
        own._index_update_count.clear()
        own._index_update_count.update({index[key]: int(count) for key, count in optimizer["counts"].items()})
        if self.spec.accumulate > 1:
            gradients = self._gradients()
            _check_names("gradients", tree["gradients"], gradients)
            for key, gradient in gradients.items():
                gradient[()] = _checked(tree["gradients"][key], gradient, key)

    def _restored(self, slots: Mapping[str, Any]) -> dict[str, Any]:
        """Return new optimizer states, as the optimizer creates them, with the values of a
        checkpoint.
        """
        found = {}
        for index, (key, parameter) in enumerate(self.parameters.items()):
            if key in slots:
                found[key] = self.optimizer.optimizer.create_state_multi_precision(index, parameter.data().as_nd_ndarray())
                own = _slots(found[key])
                _check_names(f"slots of {key!r}", slots[key], own)
                for place, slot in own.items():
                    slot[()] = _checked(slots[key][place], slot, f"{key}, slot {place}")
        _check_names("slots", slots, found)
        return found

    def seed_framework(self, seed: int) -> None:
        """Do nothing: no run draws from MXNet's generator, and the user's random state could not be
        restored.
        """

    def framework_state(self) -> Any:
        """Return an empty dict: MXNet cannot read the state of its generator, so no run draws from
        it.
        """
        return {}

    def restore_framework_state(self, state: Any) -> None:
        """Do nothing, see `framework_state`."""

    def from_bytes(self, data: bytes) -> Any:
        return mx.np.array(np.frombuffer(data, np.uint8), dtype="uint8")

    def to_bytes(self, tensor: Any) -> bytes:
        return super().to_bytes(tensor.asnumpy() if isinstance(tensor, mx.nd.NDArray) else tensor)


def _slots(state: Any) -> dict[str, Any]:
    """Return the arrays in an optimizer's state of one parameter, by their index, in the same
    memory.
    """
    arrays = state if isinstance(state, tuple | list) else [state]
    return {str(place): array.as_np_ndarray() for place, array in enumerate(arrays) if array is not None}


def _numbers(owner: Any) -> dict[str, Any]:
    """Return the plain numbers of an optimizer or a scheduler, including its counters."""
    return {} if owner is None else {key: value for key, value in vars(owner).items() if type(value) in (bool, int, float)}


def _set_numbers(owner: Any, numbers: Mapping[str, Any]) -> None:
    own = _numbers(owner)
    _check_names(f"numbers of {type(owner).__name__}", numbers, own)
    for key, value in own.items():
        setattr(owner, key, type(value)(numbers[key]))


def _check_names(what: str, loaded: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    if set(loaded) != set(own):
        raise ValueError(f"{what}: the state has the names {sorted(loaded)}, but the run has {sorted(own)}")


def _checked(loaded: Any, own: Any, what: str) -> Any:
    """Return an array of a checkpoint.

    Raises ValueError unless shape and dtype are those of the run's array.
    """
    if tuple(loaded.shape) != tuple(own.shape) or np.dtype(loaded.dtype) != np.dtype(own.dtype):
        message = f"{what}: {loaded.dtype} of shape {loaded.shape} in the state, but {own.dtype} of shape {own.shape} in the run"
        raise ValueError(message)
    return loaded


def build(spec: TrainingSpec) -> Run:
    if reason := spec.refusal(name):
        raise CannotBuild(reason)
    kinds = {here.layer.kind for here in spec.model.all_layers()}
    if "dropout" in kinds:
        raise CannotBuild("mxnet can neither read nor restore its random state, which dropout draws from")
    if spec.averaged:
        raise CannotBuild("mxnet has no moving averages of weights")
    if spec.scaled:
        raise CannotBuild("mxnet scales losses only after amp.init, which patches its operators for the rest of the process")
    if spec.model.fresh and "lazy-dense" in kinds:
        raise CannotBuild("a lazy layer of a Gluon model has no parameters before the first call")
    return GluonRun(spec)


def preserve_generators() -> contextlib.AbstractContextManager[Any]:
    """MXNet can neither read nor restore the state of its generator, and no run draws from it."""
    return contextlib.nullcontext()
