"""`assert_roundtrip` with models of the user: it passes for restored models, and names differences
and their cause.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from pytest_ckpt import assert_roundtrip
from pytest_ckpt.backends import get_backend, get_models
from pytest_ckpt.specs import LayerSpec, ModelSpec, other_model

from .conftest import BACKENDS
from .faults.reference import Reference
from .test_models import WITH_MODELS

NETWORK = ModelSpec((LayerSpec("dense", 3), LayerSpec("batch-norm"), LayerSpec("dense", 2)), (2,))
needs_torch = pytest.mark.skipif("torch" not in BACKENDS, reason="needs torch")


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_loaded_model_passes_and_fresh_model_fails(backend: str) -> None:
    reference, models = Reference(backend), get_models(backend)
    assert models is not None

    def make() -> Any:
        return models.build(other_model(NETWORK))

    with get_backend(backend).scope():
        model, inputs = models.build(NETWORK), get_backend(backend).build(NETWORK.input_spec())
        assert_roundtrip(model, save=reference.save_model, load=reference.load_model, make=make, inputs=inputs)
        with pytest.raises(AssertionError, match=r"the loaded object differs from the saved one, \d+ difference"):
            assert_roundtrip(model, save=reference.save_model, load=lambda path, fresh: None, make=make, inputs=inputs)
        with pytest.raises(AssertionError, match="load returned the saved model itself"):
            assert_roundtrip(model, save=reference.save_model, load=lambda path, fresh: model, make=make)
        with pytest.raises(AssertionError, match="load returned an object of type dict, not a model"):
            assert_roundtrip(model, save=reference.save_model, load=lambda path: {})
        with pytest.raises(ValueError, match="the fresh model has the same values as the saved one"):
            assert_roundtrip(model, save=reference.save_model, load=reference.load_model, make=lambda: models.build(NETWORK))
        with pytest.raises(ValueError, match="make\\(\\) must build a fresh model"):
            assert_roundtrip(model, save=reference.save_model, load=reference.load_model, make=lambda: model)
        with pytest.raises(ValueError, match="pass make="):
            assert_roundtrip(model, save=reference.save_model, load=reference.load_model, template=True)


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_fails_when_save_changes_the_model(backend: str) -> None:
    reference, models = Reference(backend), get_models(backend)
    assert models is not None
    with get_backend(backend).scope():
        model = models.build(NETWORK)
        other = models.state(models.build(other_model(NETWORK)))

        def save(given: Any, path: pathlib.Path) -> None:
            reference.save_model(given, path)
            models.load_state(given, other)

        with pytest.raises(AssertionError, match="save changed the model"):
            assert_roundtrip(model, save=save, load=reference.load_model, make=lambda: models.build(dataclasses.replace(NETWORK, seed=9)))


def _module(kind: str) -> Any:
    """Return a module with a tensor or a layer that its state dict does not include, or with tied
    weights.
    """
    import torch
    from torch import nn

    class Mine(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            if kind == "attribute":
                self.scale = torch.randn(3)
            if kind == "buffer":
                self.register_buffer("scale", torch.randn(3), persistent=False)
            if kind == "list":
                self.layers = [nn.Linear(3, 3)]
            if kind == "tied":
                self.second.weight = self.first.weight

        def forward(self, inputs: Any) -> Any:
            outputs = self.second(self.first(inputs))
            outputs = outputs * self.scale if hasattr(self, "scale") else outputs
            for layer in getattr(self, "layers", ()):
                outputs = layer(outputs)
            return outputs + torch.rand(3) * 1e-3 if kind == "noise" else outputs

    return Mine()


def _save(model: Any, path: pathlib.Path) -> None:
    import torch

    torch.save(model.state_dict(), path)


def _load(path: pathlib.Path, model: Any) -> None:
    import torch

    model.load_state_dict(torch.load(path))


def _assign(path: pathlib.Path, model: Any) -> None:
    import torch

    model.load_state_dict(torch.load(path), assign=True)


@needs_torch
@pytest.mark.parametrize(
    ("kind", "load", "cause"),
    [
        ("attribute", _load, "scale is a tensor in a plain attribute"),
        ("buffer", _load, r"does not save this buffer \(it is not persistent\)"),
        ("list", _load, r"layers is a list of modules \(1\), which the framework neither tracks nor saves"),
        ("tied", _assign, "the weights are no longer tied"),
    ],
)
def test_failure_names_the_cause(kind: str, load: Callable[..., Any], cause: str) -> None:
    import torch

    with pytest.raises(AssertionError, match=cause):
        assert_roundtrip(_module(kind), save=_save, load=load, make=lambda: _module(kind), inputs=torch.ones(2, 3))


@needs_torch
def test_failure_does_not_depend_on_earlier_comparisons() -> None:
    """A new object may get the identity of an object that was compared before and freed."""
    import torch

    for seed in range(100):
        torch.manual_seed(seed)
        with pytest.raises(AssertionError, match="it is not persistent"):
            assert_roundtrip(_module("buffer"), save=_save, load=_load, make=lambda: _module("buffer"), inputs=torch.ones(2, 3))


@needs_torch
@pytest.mark.parametrize(("kind", "load"), [("plain", _load), ("plain", _assign), ("tied", _load), ("noise", _load)])
def test_restored_model_passes(kind: str, load: Callable[..., Any]) -> None:
    """This includes a model that does not repeat its outputs."""
    import torch

    model = _module(kind).train()
    assert_roundtrip(model, save=_save, load=load, make=lambda: _module(kind).eval(), inputs=torch.ones(2, 3))
    assert model.training, "the mode of the model must not change"


@needs_torch
def test_noise_does_not_hide_other_outputs() -> None:
    """The tolerance for outputs is only as large as the spread of the original model."""
    import torch

    def load(path: pathlib.Path, model: Any) -> None:
        _load(path, model)
        model.register_forward_hook(lambda module, inputs, outputs: outputs + 1)

    with pytest.raises(AssertionError, match="outputs"):
        assert_roundtrip(_module("noise"), save=_save, load=load, make=lambda: _module("noise"), inputs=torch.ones(2, 3))


@needs_torch
def test_frozen_parameter_that_became_trainable_is_a_flag() -> None:
    import torch

    def whole(path: pathlib.Path) -> Any:
        model = torch.load(path, weights_only=False)
        model.requires_grad_(True)
        return model

    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    model[0].weight.requires_grad_(False)
    with pytest.raises(AssertionError, match=r"0\.weight.*: flags"):
        assert_roundtrip(model, save=torch.save, load=whole)
    assert_roundtrip(model, save=torch.save, load=whole, ignore=["flags"])


@needs_torch
def test_handles_hundred_million_parameters() -> None:
    import torch

    def make() -> Any:
        return torch.nn.Sequential(*(torch.nn.Linear(5000, 5000) for _ in range(4)))

    model = make()
    assert sum(parameter.numel() for parameter in model.parameters()) > 100_000_000
    assert_roundtrip(model, save=_save, load=_load, make=make, inputs=torch.ones(1, 5000))


@needs_torch
def test_constants_of_every_fresh_model_must_be_loaded() -> None:
    """A loader that skips scales, biases and statistics fails, although every fresh model starts
    with the same ones.
    """
    import torch

    def make() -> Any:
        return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))

    def load(path: pathlib.Path, model: Any) -> None:
        state = {key: value for key, value in torch.load(path).items() if not key.startswith("1.")}
        model.load_state_dict(state, strict=False)

    assert_roundtrip(make(), save=_save, load=_load, make=make, inputs=torch.ones(3, 4))
    with pytest.raises(AssertionError, match=r"\['1.weight'\]: values"):
        assert_roundtrip(make(), save=_save, load=load, make=make)


@needs_torch
def test_shared_base_model_need_not_be_saved() -> None:
    """Adapters are saved without their base model, which `make` always builds with the same
    weights.
    """
    import torch

    def make() -> Any:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            base = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LayerNorm(4))
        return torch.nn.ModuleDict({"base": base, "adapter": torch.nn.Linear(4, 4)})

    def save(model: Any, path: pathlib.Path) -> None:
        torch.save(model["adapter"].state_dict(), path)

    def load(path: pathlib.Path, model: Any) -> None:
        model["adapter"].load_state_dict(torch.load(path))

    assert_roundtrip(make(), save=save, load=load, make=make)


@needs_torch
def test_run_preserves_model_inputs_and_random_state() -> None:
    import torch

    class Counting(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)
            self.register_buffer("calls", torch.zeros(()))
            self.scale = torch.rand(4) + 0.5

        def forward(self, inputs: Any) -> Any:
            self.calls = self.calls + 1
            inputs += 1
            return torch.nn.functional.dropout(self.linear(inputs) * self.scale, 0.1) + self.calls

    inputs, model = torch.ones(3, 4), Counting()
    state = torch.get_rng_state()
    for _ in range(5):
        fresh = Counting()
        torch.set_rng_state(state)
        with pytest.raises(AssertionError, match="scale is a tensor in a plain attribute"):
            assert_roundtrip(model, save=_save, load=_load, make=lambda fresh=fresh: fresh, inputs=inputs)
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(inputs, torch.ones(3, 4))
    assert model.calls == 0


@needs_torch
def test_constants_shared_by_models_are_accepted() -> None:
    import torch

    mean = torch.tensor([1.0, 2.0, 3.0, 4.0])

    class Centred(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)
            self.register_buffer("mean", mean)

    def build(path: pathlib.Path) -> Any:
        model = Centred()
        model.load_state_dict(torch.load(path))
        return model

    assert_roundtrip(Centred(), save=_save, load=_load, make=Centred)
    assert_roundtrip(Centred(), save=_save, load=build)


@needs_torch
def test_names_untracked_list_of_modules_without_inputs() -> None:
    import torch

    class Listed(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, more: bool) -> None:
            super().__init__()
            self.layers = [torch.nn.Linear(4, 4)]
            if more:
                self.more = torch.nn.Linear(4, 4)

    for more in (False, True):
        with pytest.raises(AssertionError, match=r"layers is a list of modules \(1\)"):
            assert_roundtrip(Listed(more), save=_save, load=_load, make=lambda more=more: Listed(more))


@needs_torch
def test_unsaved_buffer_without_effect_on_outputs_passes() -> None:
    import torch

    class Cached(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)
            self.register_buffer("cache", torch.rand(3), persistent=False)

        def forward(self, inputs: Any) -> Any:
            return self.linear(inputs)

    assert_roundtrip(Cached(), save=_save, load=_load, make=Cached, inputs=torch.ones(3, 4))


@needs_torch
def test_warns_about_tensor_that_cannot_be_copied() -> None:
    import torch

    class Sparse(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(2, 2)
            self.sparse = torch.nn.Parameter(torch.sparse_coo_tensor([[0, 1], [1, 0]], torch.randn(2), (3, 3)))

    def changing(model: Any, path: pathlib.Path) -> None:
        _save(model, path)
        model.linear.weight.data.zero_()

    with pytest.warns(UserWarning, match="sparse cannot be copied"):
        assert_roundtrip(Sparse(), save=_save, load=_load, make=Sparse)
    with pytest.warns(UserWarning, match="sparse cannot be copied"), pytest.raises(AssertionError, match="save changed the model"):
        assert_roundtrip(Sparse(), save=changing, load=_load, make=Sparse)
