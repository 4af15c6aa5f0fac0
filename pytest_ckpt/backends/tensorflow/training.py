"""Build training runs of Keras on TensorFlow.

They run eagerly, with a gradient tape and a Keras optimizer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...specs import TrainingSpec
from ..base import CannotBuild
from ..training_base import RATE, Run
from . import models

# isort: split
import keras
import tensorflow as tf

name = "tensorflow"

_optimizers, _schedules = keras.optimizers, keras.optimizers.schedules
_MAKE: dict[str, Callable[..., Any]] = {
    "sgd": _optimizers.SGD,
    "momentum": lambda rate, **more: _optimizers.SGD(rate, momentum=0.9, **more),
    "nesterov": lambda rate, **more: _optimizers.SGD(rate, momentum=0.9, nesterov=True, **more),
    "adam": _optimizers.Adam,
    "amsgrad": lambda rate, **more: _optimizers.Adam(rate, amsgrad=True, **more),
    "adamw": _optimizers.AdamW,
    "adamax": _optimizers.Adamax,
    "nadam": _optimizers.Nadam,
    "adagrad": _optimizers.Adagrad,
    "adadelta": _optimizers.Adadelta,
    "rmsprop": _optimizers.RMSprop,
    "rmsprop-centered": lambda rate, **more: _optimizers.RMSprop(rate, momentum=0.9, centered=True, **more),
    "adafactor": _optimizers.Adafactor,
    "ftrl": _optimizers.Ftrl,
    "lion": _optimizers.Lion,
    "lamb": _optimizers.Lamb,
}
_SCHEDULES: dict[str, Callable[[], Any]] = {
    "steps": lambda: _schedules.PiecewiseConstantDecay([1, 3], [RATE, RATE / 2, RATE / 4]),
    "exponential": lambda: _schedules.ExponentialDecay(RATE, 1, 0.5),
    "cosine": lambda: _schedules.CosineDecay(RATE, 8),
    "polynomial": lambda: _schedules.PolynomialDecay(RATE, 8, 0.0, 2.0),
    "warm-restarts": lambda: _schedules.CosineDecayRestarts(RATE, 3),
}


class KerasRun(Run):
    """The optimizer counts the steps that its schedule depends on, and holds moving averages and
    accumulated gradients.
    """

    backend = name

    def __init__(self, spec: TrainingSpec) -> None:
        super().__init__(spec)
        self.model = models.build(spec.model)
        variables = self.model.trainable_variables
        if not variables:
            raise CannotBuild("the model has no trainable variables")
        if spec.optimizer == "nadam" and any(variable.dtype == "bfloat16" for variable in variables):
            raise CannotBuild("Nadam of Keras divides by 1 - 0.999, which is zero in bfloat16")
        self.schedule = _SCHEDULES[spec.schedule]() if spec.schedule else None
        self.optimizer = self._optimizer()
        self.optimizer.build(variables)

    def _optimizer(self) -> Any:
        # Without a name, Keras numbers the optimizers of a process, and the names of variables
        # contain that number.
        more: dict[str, Any] = {"name": "optimizer"}
        if self.spec.averaged:
            more.update(use_ema=True, ema_momentum=0.75)
        if self.spec.accumulate > 1:
            more["gradient_accumulation_steps"] = self.spec.accumulate
        optimizer = _MAKE[self.spec.optimizer](self.schedule or RATE, **more)
        # With this small interval, the scale changes within a few steps.
        return _optimizers.LossScaleOptimizer(optimizer, 256.0, 2, name="scaler") if self.spec.scaled else optimizer

    def update(self, inputs: Any, targets: Any) -> None:
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            outputs = self.model(inputs / 16 if inputs.dtype.is_floating else inputs, training=True)
            # Huber's gradients are bounded, so that training stays finite in spite of unusual
            # initial weights.
            loss = self.optimizer.scale_loss(tf.reduce_mean(keras.losses.huber(targets / 16, outputs)))
        self.optimizer.apply(tape.gradient(loss, variables), variables)

    def add_noise(self, inputs: Any, number: float) -> Any:
        return inputs + tf.random.get_global_generator().normal(inputs.shape) + number

    def parts(self) -> dict[str, Any]:
        optimizer = {key: tf.convert_to_tensor(variable) for key, variable in variables_of(self.optimizer).items()}
        return {"model": models.state(self.model), "optimizer": optimizer, "schedule": {}}

    def restore_parts(self, tree: Any) -> None:
        models.load_state(self.model, tree["model"])
        models.assign(variables_of(self.optimizer), tree["optimizer"])

    def seed_framework(self, seed: int) -> None:
        tf.random.set_global_generator(tf.random.Generator.from_seed(seed))

    def framework_state(self) -> Any:
        return tf.identity(tf.random.get_global_generator().state)

    def restore_framework_state(self, state: Any) -> None:
        tf.random.get_global_generator().reset(tf.convert_to_tensor(state, tf.int64))

    def from_bytes(self, data: bytes) -> Any:
        return tf.constant(np.frombuffer(data, np.uint8))


def variables_of(optimizer: Any) -> Mapping[str, Any]:
    """Return the variables of an optimizer, including those of a wrapped one, by names that are the
    same in every run.
    """
    found: dict[str, Any] = {}
    for variable in optimizer.variables:
        above = variable.path.removesuffix(variable.name)
        found[models.unique_name(above + models.plain_name(variable), found)] = variable
    return found


def build(spec: TrainingSpec) -> Run:
    if reason := spec.refusal(name):
        raise CannotBuild(reason)
    if spec.groups > 1:
        raise CannotBuild("Keras optimizers have no parameter groups")
    return KerasRun(spec)


@contextlib.contextmanager
def preserve_generators() -> Iterator[None]:
    generator = tf.random.get_global_generator()
    before = tf.identity(generator.state)
    try:
        yield
    finally:
        tf.random.set_global_generator(generator)
        generator.reset(before)
