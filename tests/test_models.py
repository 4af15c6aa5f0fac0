"""Networks: every backend builds the same spec with the same bits, shows all that can be compared, and leaves alone what is not its own."""

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
from pytest_ckpt.compare.trees import differences, read, tensors_in
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
def test_each_layer_is_built_with_the_same_bits_and_gives_what_the_spec_says(backend: str, kind: str) -> None:
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
def test_a_state_that_is_loaded_makes_the_clone_equal(backend: str, kind: str) -> None:
    models, spec = models_named(backend), smallest_model(kind)
    model, clone = models.build(spec), models.build(other_model(spec))
    models.load_state(clone, models.state(model))
    assert model_differences(clone, model, models) == []
    inputs = get_backend(backend).build(spec.input_spec(seed=3))
    assert differences(models.run(clone, inputs), models.run(model, inputs)) == []


def test_a_state_that_does_not_fit_is_refused(backend: str) -> None:
    models = models_named(backend)
    small, large, wide = (
        models.build(ModelSpec(layers, (2,)))
        for layers in ((LayerSpec("dense", 2),), (LayerSpec("dense", 2), LayerSpec("dense", 2)), (LayerSpec("dense", 3),))
    )
    for model, other in ((small, large), (large, small), (small, wide)):
        with pytest.raises(Exception, match=r"layer|kernel|weight|bias|dense"):
            models.load_state(model, models.state(other))


def test_building_and_running_asks_no_generator_and_leaves_the_mode(backend: str) -> None:
    models = models_named(backend)
    spec = ModelSpec((LayerSpec("dense", 4), LayerSpec("dropout"), LayerSpec("batch-norm"), LayerSpec("dense", 2)), (3,), training=True)
    models.build(spec)
    states = random.getstate(), np.random.get_state()[1].tolist()
    model = models.build(spec)
    before = models.read(model)
    models.run(model, get_backend(backend).build(spec.input_spec()))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    assert models.read(model).training == before.training
    assert model_differences(model, models.build(spec), models) == [], "running a model does not train it"


def test_one_tensor_under_two_names_is_one_tensor(backend: str) -> None:
    models = models_named(backend)
    model = models.build(smallest_model("tied"))
    tensors = models.read(model).tensors
    weights = [tensor for name, tensor in tensors.items() if "bias" not in name]
    assert len(weights) == 2
    found = differences({"a": weights[0], "b": weights[1]}, {"a": weights[0], "b": weights[0]})
    assert found == []


def test_a_layer_that_a_backend_has_not_is_refused_in_words(backend: str) -> None:
    missing = [kind for kind, row in LAYERS.items() if backend not in row.backends]
    for kind in missing:
        with pytest.raises(CannotBuild, match=f"{backend} has no layer '{kind}'"):
            models_named(backend).build(smallest_model(kind))
    assert missing or backend == "torch"


def test_a_model_belongs_to_one_backend(backend: str) -> None:
    model = models_named(backend).build(smallest_model("dense"))
    assert models_of(model) is get_models(backend)
    for other in (None, 1, [model], {"a": model}, get_backend(backend).build(TensorSpec("float32", (2,)))):
        assert models_of(other) is None


def test_every_module_that_the_framework_knows_has_a_name(backend: str) -> None:
    models = models_named(backend)
    spec = ModelSpec((LayerSpec("model", inside=(LayerSpec("dense", 2), LayerSpec("list", inside=(LayerSpec("dense", 2),)))),), (2,))
    model = models.build(spec)
    modules = models.modules(model)
    assert any(module is model for module in modules.values())
    assert len(modules) >= 4


@pytest.mark.parametrize(("kind", "get"), [(ModelBackend, get_models), (TrainingBackend, get_training)])
def test_the_backends_are_twins(kind: type, get: object) -> None:
    """The same verbs in the same order in every file, so that reading one is reading all."""
    verbs = [name for name, member in vars(kind).items() if inspect.isfunction(member) and not name.startswith("_")]
    for name in WITH_MODELS:
        own = vars(get(name))  # type: ignore[operator]
        assert [verb for verb in own if verb in verbs] == verbs
        assert own["name"] == name


def test_numpy_has_no_models_and_says_so() -> None:
    from pytest_ckpt import check_format, strategies

    from .faults.reference import reference_format

    assert get_models("numpy") is get_training("numpy") is None
    with pytest.raises(ValueError, match="the backend 'numpy' has no models; backends with models: torch, tensorflow, jax, mxnet"):
        strategies.models("numpy")
    assert check_format(reference_format("numpy"), select=["model", "training"]) == []
