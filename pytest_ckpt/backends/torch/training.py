"""Build training runs of PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ...specs import TrainingSpec
from ..base import CannotBuild
from ..training_base import GROUP_FACTOR, RATE, Run
from . import models

name = "torch"

_MAKE: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda groups: torch.optim.SGD(groups, RATE),
    "momentum": lambda groups: torch.optim.SGD(groups, RATE, momentum=0.9),
    "nesterov": lambda groups: torch.optim.SGD(groups, RATE, momentum=0.9, nesterov=True),
    "adam": lambda groups: torch.optim.Adam(groups, RATE),
    "adam-foreach": lambda groups: torch.optim.Adam(groups, RATE, foreach=True),
    "adam-fused": lambda groups: torch.optim.Adam(groups, RATE, fused=True),
    "amsgrad": lambda groups: torch.optim.Adam(groups, RATE, amsgrad=True),
    "adamw": lambda groups: torch.optim.AdamW(groups, RATE),
    "adamax": lambda groups: torch.optim.Adamax(groups, RATE),
    "nadam": lambda groups: torch.optim.NAdam(groups, RATE),
    "radam": lambda groups: torch.optim.RAdam(groups, RATE),
    "adagrad": lambda groups: torch.optim.Adagrad(groups, RATE),
    "adadelta": lambda groups: torch.optim.Adadelta(groups, RATE),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, RATE),
    "rmsprop-centered": lambda groups: torch.optim.RMSprop(groups, RATE, centered=True, momentum=0.9),
    "asgd": lambda groups: torch.optim.ASGD(groups, RATE, t0=1),
    "rprop": lambda groups: torch.optim.Rprop(groups, RATE),
    "lbfgs": lambda groups: torch.optim.LBFGS(groups, RATE, max_iter=2, history_size=3),
    "adafactor": lambda groups: torch.optim.Adafactor(groups, RATE),
}
_SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "steps": lambda optimizer: schedulers.MultiStepLR(optimizer, [1, 3], gamma=0.5),
    "exponential": lambda optimizer: schedulers.ExponentialLR(optimizer, 0.5),
    "cosine": lambda optimizer: schedulers.CosineAnnealingLR(optimizer, 8),
    "polynomial": lambda optimizer: schedulers.PolynomialLR(optimizer, 8, 2.0),
    "function": lambda optimizer: schedulers.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    "one-cycle": lambda optimizer: schedulers.OneCycleLR(
        optimizer, RATE, total_steps=1000, cycle_momentum=bool({"momentum", "betas"} & set(optimizer.defaults))
    ),
    "warm-restarts": lambda optimizer: schedulers.CosineAnnealingWarmRestarts(optimizer, 3),
    "plateau": lambda optimizer: schedulers.ReduceLROnPlateau(optimizer, patience=1),
    "sequence": lambda optimizer: schedulers.SequentialLR(
        optimizer, [schedulers.LinearLR(optimizer, 0.5, total_iters=2), schedulers.ExponentialLR(optimizer, 0.5)], [3]
    ),
}


class TorchRun(Run):
    backend = name

    def __init__(self, spec: TrainingSpec) -> None:
        super().__init__(spec)
        self.model = models.build(spec.model).train()
        self.optimizer = _MAKE[spec.optimizer](self._groups())
        self.schedule = _SCHEDULES[spec.schedule](self.optimizer) if spec.schedule else None
        self.averaged = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(0.75)) if spec.averaged else None
        # With this small interval, the scale changes within a few steps.
        self.scaler = torch.amp.GradScaler("cpu", 256.0, growth_interval=2) if spec.scaled else None

    def _groups(self) -> list[dict[str, Any]]:
        parameters = [each for each in self.model.parameters() if each.requires_grad]
        count = self.spec.groups
        rates = [RATE * GROUP_FACTOR**group for group in range(count)]
        return [{"params": parameters[group::count], "lr": rate} for group, rate in enumerate(rates)]

    def update(self, inputs: Any, targets: Any) -> None:
        loss = self.optimizer.step(lambda: self._loss(inputs, targets)) if self.spec.optimizer == "lbfgs" else self._step(inputs, targets)
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)
        if self.schedule is not None:
            self.schedule.step(*([loss.item()] if self.spec.schedule == "plateau" else []))

    def _loss(self, inputs: Any, targets: Any) -> Any:
        """Return the loss, and add its gradients to the existing ones.

        As a closure of L-BFGS, clear those first.
        """
        if self.spec.optimizer == "lbfgs":
            self.optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(self.model(inputs / 16 if inputs.is_floating_point() else inputs), targets / 16)
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        return loss.detach()

    def _step(self, inputs: Any, targets: Any) -> Any:
        loss = self._loss(inputs, targets)
        if (self.step + 1) % self.spec.accumulate == 0:
            if self.scaler is None:
                self.optimizer.step()
            else:
                self.scaler.step(self.optimizer)
                self.scaler.update()
            self.optimizer.zero_grad()
        return loss

    def add_noise(self, inputs: Any, number: float) -> Any:
        return inputs + torch.randn(inputs.shape) + number

    def parts(self) -> dict[str, Any]:
        extra = {"averaged": self.averaged, "scaler": self.scaler}
        gradients = {key: each.grad for key, each in self.model.named_parameters() if each.grad is not None}
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": {} if self.schedule is None else self.schedule.state_dict(),
            **{key: part.state_dict() for key, part in extra.items() if part is not None},
            **({"gradients": gradients} if self.spec.accumulate > 1 else {}),
        }

    def restore_parts(self, tree: Any) -> None:
        self.model.load_state_dict(tree["model"])
        self.optimizer.load_state_dict(tree["optimizer"])
        for key, part in (("schedule", self.schedule), ("averaged", self.averaged), ("scaler", self.scaler)):
            if part is not None:
                part.load_state_dict(tree[key])
        if self.spec.accumulate > 1:
            for key, parameter in self.model.named_parameters():
                parameter.grad = tree["gradients"].get(key)

    def seed_framework(self, seed: int) -> None:
        torch.manual_seed(seed)

    def framework_state(self) -> Any:
        return torch.get_rng_state()

    def restore_framework_state(self, state: Any) -> None:
        torch.set_rng_state(state)

    def from_bytes(self, data: bytes) -> Any:
        return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def build(spec: TrainingSpec) -> Run:
    if reason := spec.refusal(name):
        raise CannotBuild(reason)
    if spec.optimizer == "lbfgs" and (spec.groups > 1 or spec.scaled or spec.accumulate > 1):
        raise CannotBuild("torch.optim.LBFGS supports neither parameter groups nor gradient accumulation nor loss scaling")
    return TorchRun(spec)


def preserve_generators() -> contextlib.AbstractContextManager[Any]:
    fork: contextlib.AbstractContextManager[Any] = torch.random.fork_rng(devices=[])
    return fork
