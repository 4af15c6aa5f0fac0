"""Backends build models with the same bits, read everything that can be compared, and do not change other state."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator

import numpy as np
import pytest

from pytest_ckpt.backends import get_backend, get_models, get_training, models_of
from pytest_ckpt.backends.base import CannotBuild
from pytest_ckpt.backends.model_base import ModelBackend
from pytest_ckpt.backends.training_base import TrainingBackend
from pytest_ckpt.checks.model import smallest_model
from pytest_ckpt.compare.elements import as_array
from pytest_ckpt.compare.models import model_differences
from pytest_ckpt.compare.tensors import read, tensors_in
from pytest_ckpt.compare.trees import differences
from pytest_ckpt.specs import LAYERS, LayerSpec, ModelSpec, TensorSpec, other_model

from .conftest import BACKENDS

WITH_MODELS = [name for name in BACKENDS if get_models(name) is not None]
EVERY_LAYER = [(name, kind) for name in WITH_MODELS for kind, row in LAYERS.items() if name in row.backends]


@pytest.fixture(params=WITH_MODELS)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    with get_backend(request.param).scope():
        yield request.param


def models_named(backend: str) -> ModelBackend:
    models = get_models(backend)
    assert models is not None
    return models


@pytest.mark.parametrize(("backend", "kind"), EVERY_LAYER, indirect=["backend"])
def test_builds_every_layer_with_equal_bits_and_right_shape(backend: str, kind: str) -> None:
    models, spec = models_named(backend), smallest_model(kind)
    first, second, other = models.build(spec), models.build(spec), models.build(other_model(spec))
    assert model_differences(first, second, models, architecture=True) == []
    found = model_differences(other, first, models)
    assert {each.aspect for each in found} == {"values"}
    inputs = get_backend(backend).build(spec.input_spec())
    outputs = models.run(first, inputs)
    (tensor,) = tensors_in(outputs)
    reading = read(tensor)
    assert reading is not None
    assert reading.shape == (2, *spec.placed[-1].gives)
    assert np.isfinite(as_array(reading.words, reading.dtype, reading.shape)).all()
    assert differences(models.run(second, inputs), outputs) == []
    assert differences(models.run(models.copy(first), inputs), outputs) == []
    assert differences(models.run(other, inputs), outputs)


@pytest.mark.parametrize(("backend", "kind"), EVERY_LAYER, indirect=["backend"])
def test_loading_the_state_makes_the_clone_equal(backend: str, kind: str) -> None:
    models, spec = models_named(backend), smallest_model(kind)
    model, clone = models.build(spec), models.build(other_model(spec))
    models.load_state(clone, models.state(model))
    assert model_differences(clone, model, models) == []
    inputs = get_backend(backend).build(spec.input_spec(seed=3))
    assert differences(models.run(clone, inputs), models.run(model, inputs)) == []


def test_state_of_another_architecture_raises(backend: str) -> None:
    models = models_named(backend)
    small, large, wide = (
        models.build(ModelSpec(layers, (2,)))
        for layers in ((LayerSpec("dense", 2),), (LayerSpec("dense", 2), LayerSpec("dense", 2)), (LayerSpec("dense", 3),))
    )
    for model, other in ((small, large), (large, small), (small, wide)):
        with pytest.raises(Exception, match=r"layer|kernel|weight|bias|dense"):
            models.load_state(model, models.state(other))


def test_build_and_run_preserve_random_state_and_mode(backend: str) -> None:
    models = models_named(backend)
    spec = ModelSpec((LayerSpec("dense", 4), LayerSpec("dropout"), LayerSpec("batch-norm"), LayerSpec("dense", 2)), (3,), training=True)
    models.build(spec)
    states = random.getstate(), np.random.get_state()[1].tolist()
    model = models.build(spec)
    before = models.read(model)
    models.run(model, get_backend(backend).build(spec.input_spec()))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    assert models.read(model).training == before.training
    assert model_differences(model, models.build(spec), models) == [], "running a model must not train it"


def test_tied_tensor_is_read_as_one_object(backend: str) -> None:
    models = models_named(backend)
    model = models.build(smallest_model("tied"))
    tensors = models.read(model).tensors
    weights = [tensor for name, tensor in tensors.items() if "bias" not in name]
    assert len(weights) == 2
    found = differences({"a": weights[0], "b": weights[1]}, {"a": weights[0], "b": weights[0]})
    assert found == []


def test_missing_layer_raises_with_its_name(backend: str) -> None:
    missing = [kind for kind, row in LAYERS.items() if backend not in row.backends]
    for kind in missing:
        with pytest.raises(CannotBuild, match=f"{backend} has no layer '{kind}'"):
            models_named(backend).build(smallest_model(kind))
    assert missing or backend == "torch"


def test_exactly_one_backend_owns_a_model(backend: str) -> None:
    model = models_named(backend).build(smallest_model("dense"))
    assert models_of(model) is get_models(backend)
    for other in (None, 1, [model], {"a": model}, get_backend(backend).build(TensorSpec("float32", (2,)))):
        assert models_of(other) is None


def test_modules_have_names(backend: str) -> None:
    models = models_named(backend)
    spec = ModelSpec((LayerSpec("model", inside=(LayerSpec("dense", 2), LayerSpec("list", inside=(LayerSpec("dense", 2),)))),), (2,))
    model = models.build(spec)
    modules = models.modules(model)
    assert any(module is model for module in modules.values())
    assert len(modules) >= 4


@pytest.mark.parametrize(("kind", "get"), [(ModelBackend, get_models), (TrainingBackend, get_training)])
def test_backends_define_the_same_functions_in_order(kind: type, get: object) -> None:
    """A reader of one backend then knows all of them."""
    functions = [name for name, member in vars(kind).items() if inspect.isfunction(member) and not name.startswith("_")]
    for name in WITH_MODELS:
        own = vars(get(name))  # type: ignore[operator]
        assert [key for key in own if key in functions] == functions
        assert own["name"] == name


def test_numpy_reports_that_it_has_no_models() -> None:
    from pytest_ckpt import check_format, strategies

    from .faults.reference import reference_format

    assert get_models("numpy") is get_training("numpy") is None
    with pytest.raises(ValueError, match="the backend 'numpy' has no models; backends with models: torch, tensorflow, jax, mxnet"):
        strategies.models("numpy")
    assert check_format(reference_format("numpy"), select=["model", "training"]) == []
