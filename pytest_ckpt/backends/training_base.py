"""The interface of a backend for training: `Run`, and the code that all runs share.

Knows specs and the backend for tensors, but no framework. A run draws its random numbers from the
generators of the process, as training scripts do.
"""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ..specs import Fill, TensorSpec, TrainingSpec
from ..specs.models import BATCH
from . import get_backend

#: The learning rate of the first parameter group, unless a schedule changes it.
RATE = 1 / 256
#: Each further group has the learning rate of the group before it, times this factor.
GROUP_FACTOR = 0.5


class Run:
    """A training run, which formats save and load.

    `train` runs more steps. `state` returns everything that a checkpoint must contain, each part in
    the form in which the framework itself would save it. `restore` restores such a state. A
    backend's subclass defines the methods that raise NotImplementedError here.

    A format with ``save_training(run, path)`` and ``load_training(path, run)`` can use these
    attributes:

    - ``backend``: the name of the backend.
    - ``model``, ``optimizer``: the framework's own objects. For MXNet, the optimizer is a
      `gluon.Trainer`.
    - ``schedule``: the framework's learning rate schedule, or None if the run has none.
    - ``step``: the number of steps done so far, an int.
    - ``averaged``: moving averages of the weights, or None if the run has none. For torch, an
      `AveragedModel`; for JAX, the state of `optax.ema`. Keras keeps the averages in its optimizer.
    - ``scaler``: the loss scaler for mixed precision, or None if the run has none. For torch, a
      `GradScaler`; for JAX, a `DynamicScale`. Keras wraps its optimizer in a `LossScaleOptimizer`
      instead.
    - ``rngs``: only for JAX, the `nnx.Rngs` that the run draws from (only if the run draws random
      numbers).
    """

    backend: str
    model: Any
    optimizer: Any
    schedule: Any = None
    averaged: Any = None
    scaler: Any = None

    def __init__(self, spec: TrainingSpec) -> None:
        self.spec = spec
        self.step = 0
        if spec.uses_random_numbers:
            random.seed(spec.seed)
            np.random.seed(spec.seed)
            self.seed_framework(spec.seed)

    def __repr__(self) -> str:
        return f"<run of {self.spec!r} after {self.step} steps>"

    def train(self, steps: int = 1) -> None:
        """Train for ``steps`` steps.

        The batch depends only on the step and, with ``noise``, on random numbers.
        """
        for _ in range(steps):
            self.update(*self.batch())
            self.step += 1

    def batch(self) -> tuple[Any, Any]:
        """Return the inputs and targets of the next step."""
        spec, build = self.spec, get_backend(self.backend).build
        shape = (BATCH, *spec.model.placed[-1].gives)
        inputs = build(spec.model.input_spec(self.step + 1))
        targets = build(TensorSpec("float32", shape, fill=Fill(self.step + 1)))
        if spec.noise:
            # These generators make numbers in pairs, and their state includes an unused second
            # number.
            inputs = self.add_noise(inputs, random.gauss(0.0, 1.0) + float(np.random.standard_normal()))
        return inputs, targets

    def state(self) -> dict[str, Any]:
        """Return everything that a checkpoint must contain, as a dict.

        Its keys are ``model``, ``optimizer``, ``schedule``, ``step`` and ``rng``, and also
        ``averaged``, ``scaler`` and ``gradients`` if the run has them. ``rng`` is empty if the run
        draws no random numbers.
        """
        state = {**self.parts(), "step": self.step, "rng": {}}
        if self.spec.uses_random_numbers:
            state["rng"] = {"framework": self.framework_state()}
        if self.spec.noise:
            state["rng"].update(numpy=self.from_bytes(numpy_state()), python=self.from_bytes(python_state()))
        return state

    def restore(self, tree: Any) -> None:
        """Restore a state that `state` returned. Raises if it does not fit this run."""
        self.restore_parts(tree)
        self.step = int(tree["step"])
        rng = tree["rng"]
        if self.spec.uses_random_numbers:
            self.restore_framework_state(rng["framework"])
        if self.spec.noise:
            set_numpy_state(self.to_bytes(rng["numpy"]))
            set_python_state(self.to_bytes(rng["python"]))

    def to_bytes(self, tensor: Any) -> bytes:
        """Return the elements of a uint8 tensor as bytes."""
        return np.asarray(tensor).astype(np.uint8).tobytes()

    def update(self, inputs: Any, targets: Any) -> None:
        """Run one training step."""
        raise NotImplementedError

    def add_noise(self, inputs: Any, number: float) -> Any:
        """Return the inputs plus ``number`` plus, for each element, a random number of the
        framework.
        """
        raise NotImplementedError

    def parts(self) -> dict[str, Any]:
        """Return the state without ``step`` and ``rng``."""
        raise NotImplementedError

    def restore_parts(self, tree: Any) -> None:
        """Restore a result of `parts`."""
        raise NotImplementedError

    def seed_framework(self, seed: int) -> None:
        """Seed the framework's random number generator."""
        raise NotImplementedError

    def framework_state(self) -> Any:
        """Return the state of the framework's random number generator, as a tensor or a tree of
        tensors.
        """
        raise NotImplementedError

    def restore_framework_state(self, state: Any) -> None:
        """Restore a result of `framework_state`."""
        raise NotImplementedError

    def from_bytes(self, data: bytes) -> Any:
        """Return a uint8 tensor with these elements."""
        raise NotImplementedError


class TrainingBackend(Protocol):
    """The functions of a backend for training.

    A backend is a module, or any object with these functions.
    """

    def build(self, spec: TrainingSpec) -> Run:
        """Return the run that ``spec`` describes, before its first step. Raises CannotBuild."""

    def preserve_generators(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context manager that restores the framework's random state on exit."""


@contextlib.contextmanager
def preserve_rng(training: TrainingBackend) -> Iterator[None]:
    """Restore the random state of Python, numpy and the framework on exit."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with training.preserve_generators():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def numpy_state() -> bytes:
    """Return the state of numpy's legacy generator, which `numpy.random.seed` seeds."""
    _, words, position, has_gauss, gauss = np.random.get_state()
    return struct.pack("<qqd", position, has_gauss, gauss) + np.asarray(words).astype("<u4").tobytes()


def set_numpy_state(data: bytes) -> None:
    """Restore a result of `numpy_state`."""
    position, has_gauss, gauss = struct.unpack_from("<qqd", data)
    np.random.set_state(("MT19937", np.frombuffer(data, "<u4", offset=24), position, has_gauss, gauss))


def python_state() -> bytes:
    """Return the state of the module `random`."""
    _, words, gauss = random.getstate()
    return struct.pack("<?d", gauss is not None, gauss or 0.0) + struct.pack(f"<{len(words)}I", *words)


def set_python_state(data: bytes) -> None:
    """Restore a result of `python_state`."""
    has_gauss, gauss = struct.unpack_from("<?d", data)
    words = struct.unpack_from(f"<{(len(data) - 9) // 4}I", data, 9)
    random.setstate((3, words, gauss if has_gauss else None))
