"""Execution of models, mismatches and training runs: verdicts, details and skips."""

from __future__ import annotations

import dataclasses
import pathlib
import warnings
from typing import Any

import pytest

from pytest_ckpt import Format, Verdict, check_format
from pytest_ckpt.backends import get_models
from pytest_ckpt.checks import SCENARIOS
from pytest_ckpt.verdicts import Observation, judge

from .faults.models import model_fault
from .faults.reference import Reference, reference_format, reference_with_template
from .faults.training import keeps_own, training_format, zeroes_tensor
from .test_models import WITH_MODELS


def test_tolerance_is_reported_in_detail() -> None:
    judged = judge(Observation(note="copies of the original differ by up to 0.1"), {"values"}, lambda difference: None)
    assert (judged.verdict, judged.detail) == (Verdict.KEPT, "copies of the original differ by up to 0.1")


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_diverging_run_is_reported_with_step_and_leaf(backend: str) -> None:
    (result,) = check_format(training_format(zeroes_tensor("optimizer"), backend), select=["training/momentum"])
    assert result.verdict is Verdict.CHANGED
    assert result.detail.startswith("right after loading, at step 2: ['optimizer']")
    (result,) = check_format(training_format(keeps_own("step"), backend), select=["training/step"])
    assert "right after loading, at step 3: ['step']: values: expected 3, got 1" in result.detail


@pytest.mark.skipif("torch" not in WITH_MODELS, reason="tests a schedule of torch")
def test_stale_schedule_function_is_found_at_the_next_step() -> None:
    """The state of the schedule is restored, but not its function (pytorch/pytorch#52911)."""
    reference = Reference("torch")

    def save(run: Any, path: pathlib.Path) -> None:
        reference.save(run.state(), path)

    def load(path: pathlib.Path, run: Any) -> None:
        run.restore(reference.load(path))
        if run.spec.schedule == "function":
            run.schedule.lr_lambdas[0] = lambda step: 1 / (2 + step)

    (result,) = check_format(
        dataclasses.replace(reference_format("torch"), save_training=save, load_training=load), select=["training/schedule"]
    )
    assert result.verdict is Verdict.CHANGED
    assert result.detail.startswith("step 3, the first after loading: ['optimizer']['param_groups'][0]['lr']")


@pytest.mark.skipif("torch" not in WITH_MODELS, reason="tests a schedule of torch")
@pytest.mark.parametrize("number", ["num_bad_epochs", "best", "last_epoch"])
def test_each_number_of_a_schedule_must_be_restored(number: str) -> None:
    reference = Reference("torch")

    def load(path: pathlib.Path, run: Any) -> None:
        own = getattr(run.schedule, number, None)
        run.restore(reference.load(path))
        if run.spec.schedule == "plateau":
            setattr(run.schedule, number, own)

    format = dataclasses.replace(
        reference_format("torch"), save_training=lambda run, path: reference.save(run.state(), path), load_training=load
    )
    (result,) = check_format(format, select=["training/schedule"])
    assert result.verdict is Verdict.CHANGED
    assert f"['schedule']['{number}']" in result.detail


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_model_fault_fails_only_the_model_family(backend: str) -> None:
    others = ["mismatch", "alias", "keys", "container", "shape", "dtype/float32", "training/adam", "training/step"]
    for case in ("tied", "dense"):
        results = check_format(model_fault(case, backend), select=["model", *others], examples=0)
        assert {result.check.split("/")[0] for result in results if result.failed} == {"model"}


@pytest.mark.parametrize("report", ["warning", "log_record", "nothing", "unrelated_warning"])
def test_mismatch_passes_only_when_reported(report: str) -> None:
    import logging

    reference = Reference("numpy")

    def load(path: pathlib.Path, template: Any) -> Any:
        tree = reference.load(path)
        for name in template.keys() - tree.keys():
            if report == "warning":
                warnings.warn(f"{name} is not in the file", UserWarning, stacklevel=1)
            if report == "log_record":
                logging.getLogger("tests").warning("not in the file: %s", name)
        if report == "unrelated_warning":
            warnings.warn("this function is deprecated", DeprecationWarning, stacklevel=1)
        return {**template, **tree}

    format = dataclasses.replace(reference_with_template("numpy"), load=load)
    (result,) = check_format(format, select=["mismatch/missing"])
    assert result.verdict is (Verdict.KEPT if report in ("warning", "log_record") else Verdict.CHANGED)


def test_mismatch_skips_when_matching_file_cannot_be_loaded() -> None:
    """An error counts as a report only if a matching file loads without an error."""

    def load(path: pathlib.Path, template: Any) -> Any:
        raise ValueError("never")

    format = dataclasses.replace(reference_with_template("numpy"), load=load)
    results = check_format(format, select=["mismatch"])
    assert {result.verdict for result in results} == {None}
    assert all("a file that matches is not loaded either" in (result.skipped or "") for result in results)


def test_mismatch_skips_without_template_and_models() -> None:
    results = check_format(reference_format("numpy"), select=["mismatch"])
    assert {result.verdict for result in results} == {None}
    assert all("has no template" in (result.skipped or "") for result in results)


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_format_of_models_runs_only_checks_of_models(backend: str) -> None:
    reference = Reference(backend)
    format = Format(name="models", backend=backend, save_model=reference.save_model, load_model=reference.load_model)
    select = ["all", *(f"-{family}" for family in SCENARIOS)]
    families = {result.check.split("/")[0] for result in check_format(format, select=select, examples=0) if result.verdict is not None}
    assert families == {"model", "mismatch"}
    (result,) = check_format(format, select=["process/fresh-process"])
    assert result.passed, str(result)
    runs = Format(name="runs", backend=backend, save_training=lambda run, path: reference.save(run.state(), path),
                  load_training=lambda path, run: run.restore(reference.load(path)))  # fmt: skip
    families = {result.check.split("/")[0] for result in check_format(runs, select="all", examples=0) if result.verdict is not None}
    assert families == {"training"}


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_models_skip_for_format_of_single_tensors(backend: str) -> None:
    reference = Reference(backend)
    format = Format(name="tensors", backend=backend, save=reference.save, load=reference.load, accepts="tensor")
    results = check_format(format, select=["model/dense", "training/sgd"])
    assert [result.skipped for result in results] == [
        "the state of a model is a dict, but the format has accepts='tensor'",
        "the state of a training run is a tree, but the format has accepts='tensor'",
    ]


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_model_state_round_trips_through_flat_dict(backend: str) -> None:
    reference = Reference(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        assert all(reference.backend.owns(leaf) for leaf in tree.values())
        reference.save(tree, path)

    for template in (False, True):
        load = reference.load_like if template else reference.load
        format = Format(name="flat", backend=backend, save=save, load=load, accepts="dict", template=template)
        results = check_format(format, select=["model/dense", "model/nested", "model/batch-norm"], examples=3)
        assert [str(result) for result in results if not result.passed] == []


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_load_that_returns_the_saved_model_fails(backend: str) -> None:
    saved: list[Any] = []

    def save(model: Any, path: pathlib.Path) -> None:
        saved[:] = [model]
        path.write_text("nothing")

    format = Format(name="memory", backend=backend, save_model=save, load_model=lambda path: saved[0], whole_model=True)
    (result,) = check_format(format, select=["model/dense"])
    assert result.verdict is Verdict.UNREADABLE
    assert "the loaded model is the one that was saved" in result.detail
    format = dataclasses.replace(format, load_model=lambda path: {})
    (result,) = check_format(format, select=["model/dense"])
    assert "load_model returned dict, which is not a model" in result.detail
    assert get_models(backend) is not None
