"""`TrainingSpec`: a training run as a small value, and the tables of optimizers and schedules. Plain Python, no framework."""

from __future__ import annotations

import dataclasses

from ..util.suggestions import nearest
from .base import Spec
from .dtypes import JAX, MXNET, TENSORFLOW, TORCH
from .models import ModelSpec

#: Every optimizer that keeps something between two steps, and which backends have it.
OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "sgd": (TORCH, TENSORFLOW, JAX, MXNET),
    "momentum": (TORCH, TENSORFLOW, JAX, MXNET),
    "nesterov": (TORCH, TENSORFLOW, JAX, MXNET),
    "adam": (TORCH, TENSORFLOW, JAX, MXNET),
    "adam-foreach": (TORCH,),
    "adam-fused": (TORCH,),
    "amsgrad": (TORCH, TENSORFLOW, JAX),
    "adamw": (TORCH, TENSORFLOW, JAX),
    "adamax": (TORCH, TENSORFLOW, JAX, MXNET),
    "nadam": (TORCH, TENSORFLOW, JAX, MXNET),
    "radam": (TORCH, JAX),
    "adagrad": (TORCH, TENSORFLOW, JAX, MXNET),
    "adadelta": (TORCH, TENSORFLOW, JAX, MXNET),
    "rmsprop": (TORCH, TENSORFLOW, JAX, MXNET),
    "rmsprop-centered": (TORCH, TENSORFLOW, JAX, MXNET),
    "asgd": (TORCH,),
    "rprop": (TORCH,),
    "lbfgs": (TORCH,),
    "adafactor": (TORCH, TENSORFLOW, JAX),
    "ftrl": (TENSORFLOW, MXNET),
    "ftml": (MXNET,),
    "lion": (TENSORFLOW, JAX),
    "lamb": (TENSORFLOW, JAX, MXNET),
    "signum": (MXNET,),
    "chained": (JAX,),
    "masked": (JAX,),
}
#: Learning-rate schedules, and which backends have them.
SCHEDULES: dict[str, tuple[str, ...]] = {
    "steps": (TORCH, TENSORFLOW, JAX, MXNET),
    "exponential": (TORCH, TENSORFLOW, JAX),
    "cosine": (TORCH, TENSORFLOW, JAX, MXNET),
    "polynomial": (TORCH, TENSORFLOW, JAX, MXNET),
    "function": (TORCH,),
    "one-cycle": (TORCH, JAX),
    "warm-restarts": (TORCH, TENSORFLOW),
    "plateau": (TORCH,),
    "sequence": (TORCH, JAX),
}


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class TrainingSpec(Spec):
    """A run that trains ``model``: ``before`` steps, then it is saved and loaded ``resumes`` times, each time ``after`` steps further.

    ``groups`` is the number of parameter groups, each with settings of its own. ``noise`` adds random numbers of the framework, of
    numpy and of Python to what it is fed. ``averaged`` keeps moving averages of the weights, ``scaled`` a dynamic loss scale, and
    ``accumulate`` adds up the gradients of so many steps before it updates. ``seed`` is where the random numbers begin; data depend on
    the step alone. Raises ValueError, with what is possible, for an unknown name.
    """

    model: ModelSpec
    optimizer: str = "sgd"
    schedule: str = ""
    groups: int = 1
    noise: bool = False
    averaged: bool = False
    scaled: bool = False
    accumulate: int = 1
    before: int = 2
    after: int = 2
    resumes: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {self.optimizer!r}: {nearest(self.optimizer, OPTIMIZERS)}")
        if self.schedule and self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}: {nearest(self.schedule, SCHEDULES)}")
        for name in ("groups", "accumulate", "after", "resumes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)!r}")
        if self.before < 0 or not 0 < self.seed < 1 << 32:
            raise ValueError(f"before is not negative and seed an int from 1 to 2**32 - 1, not {self.before!r} and {self.seed!r}")

    @property
    def draws(self) -> bool:
        """Whether the run uses random numbers."""
        return self.noise or any(each.layer.kind in ("dropout", "transformer") for each in self.model.every())

    def refusal(self, backend: str) -> str | None:
        """Why ``backend`` has no such run, by the tables; None if it has."""
        if backend not in OPTIMIZERS[self.optimizer]:
            return f"{backend} has no optimizer {self.optimizer!r}"
        if self.schedule and backend not in SCHEDULES[self.schedule]:
            return f"{backend} has no schedule {self.schedule!r}"
        return self.model.refusal(backend)


def other_run(spec: TrainingSpec) -> TrainingSpec:
    """The same run, begun with other random numbers."""
    other = dataclasses.replace(spec.model, seed=spec.model.seed % ((1 << 64) - 1) + 1)
    return dataclasses.replace(spec, model=other, seed=spec.seed % ((1 << 32) - 1) + 1)
