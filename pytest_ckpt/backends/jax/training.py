"""Build training runs of Flax with the optimizers of Optax."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx, serialization
from flax.training.dynamic_scale import DynamicScale

from ...specs import TrainingSpec
from ..base import CannotBuild
from ..training_base import GROUP_FACTOR, RATE, Run
from . import models, nnx_state

name = "jax"

#: A learning rate, or a function that returns it for a number of updates.
Rate = float | Callable[[Any], Any]


def _masked(rate: Rate) -> Any:
    """Return an optimizer that uses Adam for kernels and SGD for all other parameters."""
    return optax.chain(optax.masked(optax.adam(rate), _kernels), optax.masked(optax.sgd(rate), _others))


def _kernels(tree: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: any(getattr(step, "key", "") == "kernel" for step in path), tree)


def _others(tree: Any) -> Any:
    return jax.tree.map(lambda is_kernel: not is_kernel, _kernels(tree))


_MAKE: dict[str, Callable[[Rate], Any]] = {
    "sgd": optax.sgd,
    "momentum": lambda rate: optax.sgd(rate, momentum=0.9),
    "nesterov": lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True),
    "adam": optax.adam,
    "amsgrad": optax.amsgrad,
    "adamw": optax.adamw,
    "adamax": optax.adamax,
    "nadam": optax.nadam,
    "radam": optax.radam,
    "adagrad": optax.adagrad,
    "adadelta": optax.adadelta,
    "rmsprop": optax.rmsprop,
    "rmsprop-centered": lambda rate: optax.rmsprop(rate, centered=True, momentum=0.9),
    # The low limit factors small parameters too, so that the state has rows and columns.
    "adafactor": lambda rate: optax.adafactor(rate, min_dim_size_to_factor=2),
    "lion": optax.lion,
    "lamb": optax.lamb,
    "chained": lambda rate: optax.chain(optax.clip_by_global_norm(1.0), optax.add_decayed_weights(1 / 1024), optax.adam(rate)),
    "masked": _masked,
}
_SCHEDULES: dict[str, Callable[[float], Any]] = {
    "steps": lambda rate: optax.piecewise_constant_schedule(rate, {1: 0.5, 3: 0.5}),
    "exponential": lambda rate: optax.exponential_decay(rate, 1, 0.5),
    "cosine": lambda rate: optax.cosine_decay_schedule(rate, 8),
    "polynomial": lambda rate: optax.polynomial_schedule(rate, 0.0, 2.0, 8),
    "one-cycle": lambda rate: optax.cosine_onecycle_schedule(16, rate),
    "sequence": lambda rate: optax.join_schedules([optax.linear_schedule(rate / 2, rate, 2), optax.exponential_decay(rate, 1, 0.5)], [3]),
}
#: The moving average of the weights, with its decay.
_AVERAGE = optax.ema(0.75)


@functools.cache
def _transformation(optimizer: str, schedule: str, groups: int, accumulate: int) -> Any:
    """Return the optimizer.

    Equal arguments give the same object, so that jax compiles the update only once.
    """
    by_group = {}
    for group in range(groups):
        rate = RATE * GROUP_FACTOR**group
        by_group[f"group{group}"] = _MAKE[optimizer](_SCHEDULES[schedule](rate) if schedule else rate)
    whole = by_group["group0"] if groups == 1 else optax.multi_transform(by_group, functools.partial(_labels, groups))
    return whole if accumulate == 1 else optax.MultiSteps(whole, accumulate).gradient_transformation()


def _labels(groups: int, tree: Any) -> Any:
    """Return a tree with the group name of each parameter.

    A name must not be numeric: NNX would restore it as an int.
    """
    leaves, structure = jax.tree.flatten(tree)
    return jax.tree.unflatten(structure, [f"group{place % groups}" for place in range(len(leaves))])


def _loss(model: Any, inputs: Any, targets: Any) -> Any:
    outputs = model(inputs / 16 if jnp.issubdtype(inputs.dtype, jnp.floating) else inputs)
    # The scaling keeps the weights finite, even with plain SGD.
    return jnp.mean(((outputs - targets) / 16) ** 2)


@nnx.jit  # type: ignore[untyped-decorator]
def _update(model: Any, optimizer: Any, scaler: Any, averaged: Any, inputs: Any, targets: Any) -> Any:
    """Run one step in place. Return the new scaler and averages, which are immutable."""
    if scaler is None:
        _, gradients = nnx.value_and_grad(_loss)(model, inputs, targets)
        optimizer.update(model, gradients)
    else:
        scaler = _scaled_update(model, optimizer, scaler, inputs, targets)
    if averaged is not None:
        _, averaged = _AVERAGE.update(_parameters(model), averaged)
    return scaler, averaged


def _scaled_update(model: Any, optimizer: Any, scaler: Any, inputs: Any, targets: Any) -> Any:
    """Run one step with a scaled loss.

    If gradients are not finite, parameters and optimizer stay unchanged.
    """
    definition, parameters, rest = nnx.split(model, nnx.Param, ...)

    def loss(parameters: Any) -> Any:
        # NNX variables can be changed only in the trace that created them, so this creates new
        # ones.
        trained = nnx.merge(definition, parameters, jax.tree.map(lambda leaf: leaf, rest))
        return _loss(trained, inputs, targets), nnx.state(trained, nnx.Not(nnx.Param))

    scaler, finite, (_, rest), gradients = scaler.value_and_grad(loss, has_aux=True)(parameters)
    # The gradients are float32, regardless of the dtype of the parameters.
    gradients = jax.tree.map(lambda gradient, parameter: gradient.astype(parameter.dtype), gradients, parameters)
    before = parameters, nnx.state(optimizer)
    optimizer.update(model, gradients)
    after = nnx.state(model, nnx.Param), nnx.state(optimizer)
    parameters, kept = jax.tree.map(functools.partial(jnp.where, finite), after, before)
    nnx.update(model, parameters, rest)
    nnx.update(optimizer, kept)
    return scaler


def _parameters(model: Any) -> Any:
    return nnx.to_pure_dict(nnx.state(model, nnx.Param))


def _committed(tree: Any) -> Any:
    """Return the arrays committed to the device. jax would compile the update twice: for
    uncommitted and for committed ones.
    """
    return jax.device_put(tree, jax.local_devices(backend="cpu")[0])


class FlaxRun(Run):
    backend = name

    def __init__(self, spec: TrainingSpec) -> None:
        super().__init__(spec)
        self.model = models.build(spec.model)
        self.model.train()
        transformation = _transformation(spec.optimizer, spec.schedule, spec.groups, spec.accumulate)
        self.optimizer = nnx.Optimizer(self.model, transformation, wrt=nnx.Param)
        nnx.update(self.optimizer, _committed(nnx.state(self.optimizer)))
        # A schedule is a function of the number of updates, which the optimizer counts.
        self.schedule = _SCHEDULES[spec.schedule](RATE) if spec.schedule else None
        self.averaged = _committed(_AVERAGE.init(_parameters(self.model))) if spec.averaged else None
        # With this small interval, the scale changes within a few steps.
        counts = _committed({"fin_steps": jnp.zeros((), jnp.int32), "scale": jnp.full((), 256.0, jnp.float32)}) if spec.scaled else {}
        self.scaler = DynamicScale(growth_interval=2, **counts) if spec.scaled else None

    def update(self, inputs: Any, targets: Any) -> None:
        self.scaler, self.averaged = _update(self.model, self.optimizer, self.scaler, self.averaged, inputs, targets)

    def add_noise(self, inputs: Any, number: float) -> Any:
        return inputs + jax.random.normal(self.rngs.noise(), inputs.shape, inputs.dtype) + number

    def parts(self) -> dict[str, Any]:
        return {
            "model": models.state(self.model),
            "optimizer": nnx_state.pure_state(self.optimizer),
            "schedule": {},
            **({} if self.averaged is None else {"averaged": self.averaged._asdict()}),
            **({} if self.scaler is None else {"scaler": serialization.to_state_dict(self.scaler)}),
        }

    def restore_parts(self, tree: Any) -> None:
        models.load_state(self.model, tree["model"])
        nnx_state.replace_state(self.optimizer, tree["optimizer"])
        if self.averaged is not None:
            self.averaged = self.averaged._replace(**nnx_state.fit_state(self.averaged._asdict(), tree["averaged"]))
        if self.scaler is not None:
            self.scaler = self.scaler.replace(**nnx_state.fit_state(serialization.to_state_dict(self.scaler), tree["scaler"]))

    def seed_framework(self, seed: int) -> None:
        # JAX has no global generator, so each run has its own keys.
        self.rngs = nnx.Rngs(noise=seed)
        nnx.update(self.rngs, _committed(nnx.state(self.rngs)))

    def framework_state(self) -> Any:
        return nnx_state.pure_state(self.rngs)

    def restore_framework_state(self, state: Any) -> None:
        nnx_state.replace_state(self.rngs, state)

    def from_bytes(self, data: bytes) -> Any:
        return jax.device_put(np.frombuffer(data, np.uint8))


def build(spec: TrainingSpec) -> Run:
    if reason := spec.refusal(name):
        raise CannotBuild(reason)
    return FlaxRun(spec)


def preserve_generators() -> contextlib.AbstractContextManager[Any]:
    return contextlib.nullcontext()
