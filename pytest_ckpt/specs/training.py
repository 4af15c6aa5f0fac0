"""`TrainingSpec`: a training run as a small value, and the tables of optimizers and schedules. Plain Python, no framework."""

from __future__ import annotations

import dataclasses

from ..util.suggestions import nearest
from .base import Spec
from .dtypes import JAX, MXNET, TENSORFLOW, TORCH
from .models import ModelSpec

#: Optimizers, most of which have a state between two steps, and the built-in backends that have them.
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
#: Learning-rate schedules, and the built-in backends that have them.
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
    """A run that trains ``model`` for ``before`` steps, and is then saved, loaded and trained for ``after`` steps, ``resumes`` times.

    ``groups`` is the number of parameter groups, which have different settings. ``noise`` adds
    random numbers from the framework, NumPy and Python to the inputs. ``averaged`` maintains moving
    averages of the weights, and ``scaled`` a dynamic loss scale. The weights are updated after the
    gradients of ``accumulate`` steps. ``seed`` is the seed of all random numbers; the data depend
    only on the step.

    Raises ValueError, with the possible values, for an unknown name or an invalid number.
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
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)!r}")
        if self.before < 0 or not 0 < self.seed < 1 << 32:
            raise ValueError(f"before must be at least 0, and seed an int from 1 to 2**32 - 1, not {self.before!r} and {self.seed!r}")

    @property
    def uses_random_numbers(self) -> bool:
        """Return whether the run uses random numbers."""
        return self.noise or any(each.layer.kind in ("dropout", "transformer") for each in self.model.all_layers())

    def refusal(self, backend: str) -> str | None:
        """Return why the built-in backend cannot build this run, according to the tables; None if it can."""
        if backend not in OPTIMIZERS[self.optimizer]:
            return f"{backend} has no optimizer {self.optimizer!r}"
        if self.schedule and backend not in SCHEDULES[self.schedule]:
            return f"{backend} has no schedule {self.schedule!r}"
        return self.model.refusal(backend)


def other_run(spec: TrainingSpec) -> TrainingSpec:
    """Return the same run with other initial values and random numbers."""
    other = dataclasses.replace(spec.model, seed=spec.model.seed % ((1 << 64) - 1) + 1)
    return dataclasses.replace(spec, model=other, seed=spec.seed % ((1 << 32) - 1) + 1)
