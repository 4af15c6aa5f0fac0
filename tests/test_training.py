"""Training runs are repeatable, train, and resume from their state as if they had never stopped."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from pytest_ckpt.backends import get_backend, get_training
from pytest_ckpt.backends.base import CannotBuild
from pytest_ckpt.backends.training_base import Run, TrainingBackend, preserve_rng
from pytest_ckpt.compare.elements import as_array
from pytest_ckpt.compare.tensors import copy_tree, read, tensors_in
from pytest_ckpt.compare.trees import differences
from pytest_ckpt.specs import OPTIMIZERS, SCHEDULES, LayerSpec, ModelSpec, TrainingSpec, other_run

from .test_models import WITH_MODELS

NETWORK = ModelSpec((LayerSpec("dense", 3), LayerSpec("batch-norm"), LayerSpec("relu"), LayerSpec("dense", 2)), (2,))
MORE = {
    "noise": TrainingSpec(NETWORK, "adam", noise=True),
    "dropout": TrainingSpec(ModelSpec((LayerSpec("dense", 4), LayerSpec("dropout"), LayerSpec("dense", 2)), (2,)), "sgd"),
    "averaged": TrainingSpec(NETWORK, "adam", averaged=True),
    "scaled": TrainingSpec(NETWORK, "adam", scaled=True, before=3),
    "accumulated": TrainingSpec(NETWORK, "sgd", accumulate=2, before=3),
    "groups": TrainingSpec(NETWORK, "adam", groups=2),
}


def _specs() -> Iterator[tuple[str, str, TrainingSpec]]:
    for backend in WITH_MODELS:
        for name, backends in OPTIMIZERS.items():
            if backend in backends:
                yield backend, name, TrainingSpec(NETWORK, name)
        for name, backends in SCHEDULES.items():
            if backend in backends:
                yield backend, f"schedule-{name}", TrainingSpec(NETWORK, "momentum", schedule=name, before=3, after=3)
        for name, spec in MORE.items():
            yield backend, name, spec


EVERY = list(_specs())
#: Runs that a framework does not support.
CANNOT = {
    ("mxnet", "dropout"), ("mxnet", "averaged"), ("mxnet", "scaled"), ("tensorflow", "groups"),
}  # fmt: skip


@pytest.mark.parametrize(("backend", "name", "spec"), EVERY, ids=[f"{backend}-{name}" for backend, name, _ in EVERY])
def test_resumed_run_equals_uninterrupted_run(backend: str, name: str, spec: TrainingSpec) -> None:
    training = _training(backend)
    with get_backend(backend).scope(), preserve_rng(training):
        if (backend, name) in CANNOT:
            with pytest.raises(CannotBuild):
                training.build(spec)
            return
        run = training.build(spec)
        run.train(spec.before)
        saved = copy_tree(run.state())
        assert sorted(set(saved) - {"averaged", "scaler", "gradients"}) == ["model", "optimizer", "rng", "schedule", "step"]
        assert saved["step"] == spec.before
        run.train(spec.after)
        ended = copy_tree(run.state())
        assert _parameters_moved(saved, ended)
        assert all(np.isfinite(array).all() for array in _floats(ended)), "training must not diverge, because NaN equals NaN"
        other = training.build(other_run(spec))
        other.train(1)
        assert differences(other.state(), saved)
        # A copy, because training may change the restored tensors in place.
        other.restore(copy_tree(saved))
        assert differences(other.state(), saved, ("order", "alias", "strides")) == []
        other.train(spec.after)
        assert differences(other.state(), ended, ("order", "alias", "strides")) == []
        again = training.build(spec)
        again.train(spec.before)
        assert differences(again.state(), saved, ("order", "alias", "strides")) == [], "a run must be repeatable"


def _training(backend: str) -> TrainingBackend:
    training = get_training(backend)
    assert training is not None
    return training


def _floats(tree: object) -> Iterator[np.ndarray]:
    for tensor in tensors_in(tree):
        reading = read(tensor)
        array = None if reading is None else as_array(reading.words, reading.dtype, reading.shape)
        if array is not None and array.dtype.kind == "f":
            yield array


def _parameters_moved(before: dict[str, object], after: dict[str, object]) -> bool:
    return bool(differences(after["model"], before["model"]))


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_run_has_public_attributes_and_preserves_rng(backend: str) -> None:
    training = _training(backend)
    with get_backend(backend).scope():
        states = random.getstate(), np.random.get_state()[1].tolist()
        with preserve_rng(training):
            run = training.build(MORE["noise"])
            assert isinstance(run, Run)
            assert (run.step, run.model is None, run.optimizer is None) == (0, False, False)
            run.train(2)
            assert run.step == 2
        assert (random.getstate(), np.random.get_state()[1].tolist()) == states


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_state_of_another_network_raises(backend: str) -> None:
    training = _training(backend)
    with get_backend(backend).scope(), preserve_rng(training):
        run = training.build(TrainingSpec(NETWORK, "adam"))
        other = training.build(TrainingSpec(ModelSpec((LayerSpec("dense", 2),), (2,)), "adam"))
        run.train(1)
        other.train(1)
        with pytest.raises(Exception, match=r"."):
            run.restore(other.state())


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_builds_every_optimizer_with_every_schedule(backend: str) -> None:
    training = _training(backend)
    with get_backend(backend).scope(), preserve_rng(training):
        for optimizer in [name for name, backends in OPTIMIZERS.items() if backend in backends]:
            for schedule in [name for name, backends in SCHEDULES.items() if backend in backends]:
                assert training.build(TrainingSpec(NETWORK, optimizer, schedule)).step == 0


@pytest.mark.parametrize("backend", [name for name in WITH_MODELS if name in ("torch", "mxnet")])
def test_fresh_run_has_other_settings(backend: str) -> None:
    """Otherwise, a loader that keeps the settings of the fresh run would pass."""
    from pytest_ckpt.execution.training import _fresh_run

    training, spec = _training(backend), TrainingSpec(NETWORK, "momentum", schedule="steps")
    with get_backend(backend).scope(), preserve_rng(training):
        plain = training.build(other_run(spec))
        plain.train(1)
        found = {
            each.path
            for each in differences(_fresh_run(training, spec, 2).state(), copy_tree(plain.state()), ("order", "alias", "strides"))
        }
    paths = {"torch": ("['param_groups'][0]['lr']", "['param_groups'][0]['momentum']"), "mxnet": ("['numbers']['momentum']",)}
    for path in paths[backend]:
        assert f"['optimizer']{path}" in found
