"""Training runs of MXNet: `mxnet.gluon.Trainer`, on whose optimizer, and its scheduler, everything else hangs."""

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

#: A little weight decay: gradients that are zero would have AdaMax divide zero by zero.
_DECAY = 1 / 1024
#: So high that it is seldom met, and so low that no drawn network grows beyond what is finite.
_MOST = 1024.0
#: What each optimizer is called in MXNet, and how it is configured.
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
#: Where a schedule ends: not at zero, which FTRL would divide by.
_LAST = RATE / 64
_SCHEDULES: dict[str, Callable[[], Any]] = {
    "steps": lambda: mx.lr_scheduler.MultiFactorScheduler([1, 3], 0.5, RATE),
    "cosine": lambda: mx.lr_scheduler.CosineScheduler(8, RATE, _LAST),
    "polynomial": lambda: mx.lr_scheduler.PolyScheduler(8, RATE, 2, _LAST),
}


class GluonRun(Run):
    backend = name

    def __init__(self, spec: TrainingSpec) -> None:
        super().__init__(spec)
        self.model = models.build(spec.model)
        # In the order of the model: a dict of them would be sorted by names in which Gluon counts, 10 before 9.
        self.parameters = models.distinct(self.model)
        trained = [each for each in self.parameters.values() if each.grad_req != "null"]
        if not trained:
            raise CannotBuild("no parameter of this model is trained")
        for place, parameter in enumerate(trained):
            parameter.lr_mult = parameter.wd_mult = GROUP_FACTOR ** (place % spec.groups)
            if spec.accumulate > 1:
                parameter.grad_req = "add"
        kind, more = _MAKE[spec.optimizer]
        schedule = _SCHEDULES[spec.schedule]() if spec.schedule else None
        settings = {"learning_rate": RATE, "wd": _DECAY, "clip_gradient": _MOST, "lr_scheduler": schedule, **more}
        self.optimizer = mx.gluon.Trainer(list(self.parameters.values()), kind, settings, kvstore=None)

    @property
    def schedule(self) -> Any:
        """The scheduler that is in use: `Trainer.load_states` brings one of its own."""
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
        """Of numpy and Python alone: see `framework_state`."""
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
        """What the updater keeps for each parameter that it has updated."""
        states = self.optimizer._updaters[0].states
        return {key: states[index] for index, key in enumerate(self.parameters) if index in states}

    def _counted(self) -> list[tuple[str, int]]:
        counts = self.optimizer.optimizer._index_update_count
        return [(key, index) for index, key in enumerate(self.parameters) if index in counts]

    def restore_parts(self, tree: Any) -> None:
        """Raises ValueError where names, shapes or dtypes do not fit."""
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
                gradient[()] = _fitting(tree["gradients"][key], gradient, key)

    def _restored(self, slots: Mapping[str, Any]) -> dict[str, Any]:
        """New slots as the optimizer itself makes them, filled with those of a checkpoint."""
        found = {}
        for index, (key, parameter) in enumerate(self.parameters.items()):
            if key in slots:
                found[key] = self.optimizer.optimizer.create_state_multi_precision(index, parameter.data().as_nd_ndarray())
                own = _slots(found[key])
                _check_names(f"slots of {key!r}", slots[key], own)
                for place, slot in own.items():
                    slot[()] = _fitting(slots[key][place], slot, f"{key}, slot {place}")
        _check_names("slots", slots, found)
        return found

    def seed_framework(self, seed: int) -> None:
        """Nothing: no run draws from MXNet's generator, and the user's numbers could not be put back."""

    def framework_state(self) -> Any:
        """Empty: MXNet can only seed its generator, so no checkpoint could hold it, and no run draws from it."""
        return {}

    def restore_framework_state(self, state: Any) -> None:
        """Nothing, as there is nothing to be had."""

    def from_bytes(self, data: bytes) -> Any:
        return mx.np.array(np.frombuffer(data, np.uint8), dtype="uint8")

    def to_bytes(self, tensor: Any) -> bytes:
        return super().to_bytes(tensor.asnumpy() if isinstance(tensor, mx.nd.NDArray) else tensor)


def _slots(state: Any) -> dict[str, Any]:
    """The arrays that an optimizer keeps for one parameter, by their places, in the same memory."""
    arrays = state if isinstance(state, tuple | list) else [state]
    return {str(place): array.as_np_ndarray() for place, array in enumerate(arrays) if array is not None}


def _numbers(owner: Any) -> dict[str, Any]:
    """The plain numbers that an optimizer or a scheduler keeps, its counters among them: what its pickle holds of them."""
    return {} if owner is None else {key: value for key, value in vars(owner).items() if type(value) in (bool, int, float)}


def _set_numbers(owner: Any, numbers: Mapping[str, Any]) -> None:
    own = _numbers(owner)
    _check_names(f"numbers of {type(owner).__name__}", numbers, own)
    for key, value in own.items():
        setattr(owner, key, type(value)(numbers[key]))


def _check_names(what: str, came: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    if set(came) != set(own):
        raise ValueError(f"{what}: the state has the names {sorted(came)}, the run {sorted(own)}")


def _fitting(came: Any, own: Any, what: str) -> Any:
    if tuple(came.shape) != tuple(own.shape) or np.dtype(came.dtype) != np.dtype(own.dtype):
        raise ValueError(f"{what}: {came.dtype} of shape {came.shape} in the state, {own.dtype} of shape {own.shape} in the run")
    return came


def build(spec: TrainingSpec) -> Run:
    if why := spec.refusal(name):
        raise CannotBuild(why)
    kinds = {here.layer.kind for here in spec.model.every()}
    if "dropout" in kinds:
        raise CannotBuild("mxnet's random state, which dropout draws from, can be neither read nor put back")
    if spec.averaged:
        raise CannotBuild("mxnet has no moving averages of the weights")
    if spec.scaled:
        raise CannotBuild("mxnet scales losses only once amp.init has patched its operators, for good and for the whole process")
    if spec.model.fresh and "lazy-dense" in kinds:
        raise CannotBuild("a lazy layer of a Gluon model that was never called has nothing to train yet")
    return GluonRun(spec)


def preserve_generators() -> contextlib.AbstractContextManager[Any]:
    """MXNet's generator can be neither read nor put back; no run draws from it."""
    return contextlib.nullcontext()
