"""Drawn models and runs can be built, run and restored, and a seed always draws the same ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_ckpt import assert_roundtrip, strategies
from pytest_ckpt import specs as specs_module
from pytest_ckpt.backends import get_backend, get_models
from pytest_ckpt.runner import Runner
from pytest_ckpt.runner.exploration import explore, shrink
from pytest_ckpt.specs import LAYERS, ModelSpec, TrainingSpec, from_json, to_json
from pytest_ckpt.verdicts import Verdict

from .faults.reference import Reference, reference_format
from .test_models import WITH_MODELS


def _drawn(backend: str, count: int, seed: int) -> list[ModelSpec]:
    found: list[ModelSpec] = []
    explore(strategies.model_specs(backend), found.append, count=count, seed=seed, seconds=60)
    return found


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_two_hundred_drawn_models_round_trip(backend: str) -> None:
    """The check itself builds, saves, loads and runs them, with a format that preserves everything."""
    specs = list(dict.fromkeys(_drawn(backend, 300, seed=1)))[:200]
    assert len(specs) == 200
    with Runner(reference_format(backend), ["model/nested"], examples=0) as runner:
        (check,) = runner.checks
        judged = [(spec, runner.judge(check, spec)) for spec in specs]
    assert [f"{spec!r}: {each.detail}" for spec, each in judged if each.verdict not in (None, Verdict.KEPT)] == []
    skipped = [each.skipped for _, each in judged if each.verdict is None]
    assert len(skipped) <= 10, skipped


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_draws_every_layer_and_repeats_for_a_seed(backend: str) -> None:
    specs = _drawn(backend, 800, seed=2)
    assert specs == _drawn(backend, 800, seed=2)
    kinds = {here.layer.kind for spec in specs for here in spec.all_layers()}
    assert kinds == {kind for kind, row in LAYERS.items() if backend in row.backends}
    for spec in specs[:50]:
        assert eval(repr(spec), vars(specs_module)) == spec
        assert from_json(to_json(spec)) == spec


def test_shrinks_to_one_small_layer() -> None:
    smallest = shrink(strategies.model_specs("torch"), lambda spec: True, count=50, seed=3, seconds=20)
    assert isinstance(smallest, ModelSpec)
    assert [layer.kind for layer in smallest.layers] == ["dense"]
    deep = shrink(
        strategies.model_specs("torch"),
        lambda spec: any(here.layer.kind == "lstm" for here in spec.all_layers()),
        count=400,
        seed=3,
        seconds=20,
    )
    assert isinstance(deep, ModelSpec)
    assert [layer.kind for layer in deep.layers] == ["lstm"]


def test_keywords_narrow_the_drawn_models() -> None:
    specs: list[ModelSpec] = []
    narrow = strategies.model_specs("torch", layers=["dense", "relu"], containers=False, flags=False, max_layers=2)
    explore(narrow, specs.append, count=50, seed=1, seconds=20)
    layers = [here.layer for spec in specs for here in spec.all_layers()]
    assert {layer.kind for layer in layers} == {"dense", "relu"}
    assert not any(layer.frozen or layer.dtype != "float32" for layer in layers)
    runs: list[TrainingSpec] = []
    explore(strategies.training_specs("torch", optimizers=["adam"], schedules=["cosine"]), runs.append, count=50, seed=1, seconds=20)
    assert {(run.optimizer, run.schedule) for run in runs} == {("adam", ""), ("adam", "cosine")}
    for wrong, message in (({"layers": ["dens"]}, "did you mean 'dense'"), ({"layers": ["relu"]}, "no layer with parameters")):
        with pytest.raises(ValueError, match=message):
            strategies.model_specs("torch", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="none of the optimizers"):
        strategies.training_specs("torch", optimizers=["ftrl"])


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_models_can_be_drawn_under_given(backend: str) -> None:
    get_models(backend)
    reference, seen = Reference(backend), []

    @settings(max_examples=5, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        with get_backend(backend).scope():
            model = data.draw(strategies.models(backend, layers=["dense", "batch-norm"], flags=False, containers=False))
            run = data.draw(strategies.training_runs(backend, optimizers=["momentum"], schedules=["steps"]))
            assert run.step == run.spec.before
            seen.append(type(model))
            assert_roundtrip(reference.models.state(model), save=reference.save, load=reference.load)  # type: ignore[union-attr]

    check()
    assert len(seen) == 5
