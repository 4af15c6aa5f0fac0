"""What every backend gives that can train: a `Run`, and what all runs share. Knows specs and the tensors' backend, no framework.

A run draws its random numbers where every training script does, from the generators of the process, and keeps none of its own.
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

#: The step width where no schedule says another.
RATE = 1 / 256
#: What the first group has; every further one trains half as fast.
GROUP_FACTOR = 0.5


class Run:
    """A training run: ``model``, ``optimizer``, ``schedule`` and ``step`` (an int, the steps done so far).

    `train` goes further, `state` gives what a checkpoint has to hold, each part as the framework itself would save it, and `restore`
    takes it back. A backend's subclass says how, in the methods that raise NotImplementedError here.
    """

    backend: str
    model: Any
    optimizer: Any
    schedule: Any = None

    def __init__(self, spec: TrainingSpec) -> None:
        self.spec = spec
        self.step = 0
        if spec.draws:
            random.seed(spec.seed)
            np.random.seed(spec.seed)
            self.seed_framework(spec.seed)

    def __repr__(self) -> str:
        return f"<run of {self.spec!r} after {self.step} steps>"

    def train(self, steps: int = 1) -> None:
        """Trains ``steps`` steps. What is fed depends on the step alone, and with ``noise`` on random numbers."""
        for _ in range(steps):
            self.update(*self.batch())
            self.step += 1

    def batch(self) -> tuple[Any, Any]:
        """What the next step is fed, and what should come out."""
        spec, build = self.spec, get_backend(self.backend).build
        shape = (BATCH, *spec.model.placed[-1].gives)
        inputs = build(spec.model.input_spec(self.step + 1))
        targets = build(TensorSpec("float32", shape, fill=Fill(self.step + 1)))
        if spec.noise:
            # The second number of a pair is kept by the generator until it is asked for.
            inputs = self.add_noise(inputs, random.gauss(0.0, 1.0) + float(np.random.standard_normal()))
        return inputs, targets

    def state(self) -> dict[str, Any]:
        """A dict with the keys ``model``, ``optimizer``, ``schedule``, ``step``, ``rng``, and ``averaged``, ``scaler`` and
        ``gradients`` where the run has these. ``rng`` is empty where the run draws no random numbers."""
        state = {**self.parts(), "step": self.step, "rng": {}}
        if self.spec.draws:
            state["rng"] = {"framework": self.framework_state()}
        if self.spec.noise:
            state["rng"].update(numpy=self.from_bytes(numpy_state()), python=self.from_bytes(python_state()))
        return state

    def restore(self, tree: Any) -> None:
        """Takes back what `state` gave. Raises where it does not fit."""
        self.restore_parts(tree)
        self.step = int(tree["step"])
        rng = tree["rng"]
        if self.spec.draws:
            self.restore_framework_state(rng["framework"])
        if self.spec.noise:
            set_numpy_state(self.to_bytes(rng["numpy"]))
            set_python_state(self.to_bytes(rng["python"]))

    def to_bytes(self, tensor: Any) -> bytes:
        """The elements of a tensor of uint8."""
        return np.asarray(tensor).astype(np.uint8).tobytes()

    def update(self, inputs: Any, targets: Any) -> None:
        """One step."""
        raise NotImplementedError

    def add_noise(self, inputs: Any, number: float) -> Any:
        """The inputs plus ``number`` and a random number of the framework for each element."""
        raise NotImplementedError

    def parts(self) -> dict[str, Any]:
        """The state without step and random numbers."""
        raise NotImplementedError

    def restore_parts(self, tree: Any) -> None:
        """Takes back what `parts` gave."""
        raise NotImplementedError

    def seed_framework(self, seed: int) -> None:
        """Where the framework's random numbers begin."""
        raise NotImplementedError

    def framework_state(self) -> Any:
        """The state of the framework's random numbers, as a tensor or a tree of them."""
        raise NotImplementedError

    def restore_framework_state(self, state: Any) -> None:
        """Takes back what `framework_state` gave."""
        raise NotImplementedError

    def from_bytes(self, data: bytes) -> Any:
        """A tensor of uint8 with these elements."""
        raise NotImplementedError


class TrainingBackend(Protocol):
    """The verbs. A module is one, and so may any object of a third party be."""

    def build(self, spec: TrainingSpec) -> Run:
        """The run that ``spec`` describes, before its first step. Raises CannotBuild."""

    def preserve_generators(self) -> contextlib.AbstractContextManager[Any]:
        """Puts the framework's random numbers back where they were, on leaving."""


@contextlib.contextmanager
def preserve_rng(training: TrainingBackend) -> Iterator[None]:
    """Puts all random numbers of the process back where they were, on leaving."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with training.preserve_generators():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def numpy_state() -> bytes:
    """The state of numpy's legacy generator, which `numpy.random.seed` seeds."""
    _, words, position, has_gauss, gauss = np.random.get_state()
    return struct.pack("<qqd", position, has_gauss, gauss) + np.asarray(words).astype("<u4").tobytes()


def set_numpy_state(data: bytes) -> None:
    position, has_gauss, gauss = struct.unpack_from("<qqd", data)
    np.random.set_state(("MT19937", np.frombuffer(data, "<u4", offset=24), position, has_gauss, gauss))


def python_state() -> bytes:
    """The state of the module `random`."""
    _, words, gauss = random.getstate()
    return struct.pack("<?d", gauss is not None, gauss or 0.0) + struct.pack(f"<{len(words)}I", *words)


def set_python_state(data: bytes) -> None:
    has_gauss, gauss = struct.unpack_from("<?d", data)
    words = struct.unpack_from(f"<{(len(data) - 9) // 4}I", data, 9)
    random.setstate((3, words, gauss if has_gauss else None))
