"""Formats for training runs: what a script needs when it resumes must be found, and correct formats must pass."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from pytest_ckpt import Format, check_format
from pytest_ckpt.backends import get_training
from pytest_ckpt.compare.tensors import copy_tree
from pytest_ckpt.results import Result
from pytest_ckpt.verdicts import Verdict

from .conftest import BACKENDS
from .faults.reference import Reference

torch_only = pytest.mark.skipif("torch" not in BACKENDS, reason="runs in torch's environment")

#: Called as ``prepare(tree, run)`` before a state is saved or restored; returns the new state.
Prepare = Callable[[dict[str, Any], Any], dict[str, Any]]


def _same(tree: dict[str, Any], run: Any) -> dict[str, Any]:
    return tree


def _format(backend: str, saved: Prepare = _same, loaded: Prepare = _same) -> Format:
    reference = Reference(backend)

    def save_training(run: Any, path: pathlib.Path) -> None:
        reference.save(saved(run.state(), run), path)

    def load_training(path: pathlib.Path, run: Any) -> None:
        run.restore(loaded(reference.load(path), run))

    return Format(name="scripted", backend=backend, save_training=save_training, load_training=load_training)


def _run(format: Format, *select: str, examples: int = 0) -> dict[str, Result]:
    return {result.check: result for result in check_format(format, select=select, examples=examples)}


@torch_only
def test_loader_that_fills_only_existing_slots_is_changed() -> None:
    def existing(tree: dict[str, Any], run: Any) -> dict[str, Any]:
        own = run.optimizer.state_dict()["state"]
        slots = {
            number: {**slot, **{name: slot[name] for name in own.get(number, ())}} for number, slot in tree["optimizer"]["state"].items()
        }
        return {**tree, "optimizer": {**tree["optimizer"], "state": {number: slots[number] for number in own}}}

    for check, result in _run(_format("torch", loaded=existing), "training/adam", "training/momentum", "training/drawn").items():
        assert result.verdict is Verdict.CHANGED, check
        assert "is missing" in result.detail


@torch_only
def test_loader_that_restores_in_an_untrained_run_passes() -> None:
    results = _run(_format("torch"), "training/adam", "training/momentum", "training/before-first-step", "training/save-twice")
    assert [str(result) for result in results.values() if not result.passed] == []


@pytest.mark.parametrize("backend", [name for name in BACKENDS if get_training(name) is not None])
def test_states_of_generators_are_read_without_alarm(backend: str) -> None:
    """A run may make a new copy of them each time it shows its state; that is no alteration by save."""
    results = _run(_format(backend), "training/rng", "training/dropout")
    assert [str(result) for result in results.values() if not result.passed] == []
    assert Verdict.KEPT in {result.verdict for result in results.values()}


_PROGRESS = ("best", "last_epoch", "num_bad_epochs", "cooldown_counter")


def _progress_only(kept: tuple[str, ...]) -> Format:
    """Save the progress of a plateau schedule. Its settings come from the script."""

    def is_plateau(run: Any) -> bool:
        return type(run.schedule).__name__ == "ReduceLROnPlateau"

    def saved(tree: dict[str, Any], run: Any) -> dict[str, Any]:
        return {**tree, "schedule": {key: tree["schedule"][key] for key in kept}} if is_plateau(run) else tree

    def loaded(tree: dict[str, Any], run: Any) -> dict[str, Any]:
        return {**tree, "schedule": {**run.schedule.state_dict(), **tree["schedule"]}} if is_plateau(run) else tree

    return _format("torch", saved, loaded)


@torch_only
def test_settings_may_come_from_the_script() -> None:
    results = _run(_progress_only(_PROGRESS), "training/schedule", "training/drawn", "training/settings", examples=40)
    assert {check: result.verdict for check, result in results.items()} == {
        "training/schedule": Verdict.KEPT, "training/drawn": Verdict.KEPT, "training/settings": Verdict.CHANGED,
    }  # fmt: skip
    assert "['schedule']['factor']" in results["training/settings"].detail


@torch_only
def test_lost_progress_of_a_schedule_is_named() -> None:
    (result,) = _run(_progress_only(("best", "last_epoch")), "training/schedule").values()
    assert result.verdict is Verdict.CHANGED
    assert "['num_bad_epochs']" in result.detail


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name in ("tensorflow", "jax")])
def test_generator_that_no_step_draws_from_may_be_lost(backend: str) -> None:
    """Dropout draws from a state in the model, not from the generator of the process or the run."""

    def without_generator(tree: dict[str, Any], run: Any) -> dict[str, Any]:
        return {**tree, "rng": copy_tree(run.state()["rng"])}

    results = _run(_format(backend, loaded=without_generator), "training/dropout", "training/statistics", "training/rng")
    assert {check: result.verdict for check, result in results.items()} == {
        "training/dropout": Verdict.KEPT, "training/statistics": Verdict.KEPT, "training/rng": Verdict.CHANGED,
    }  # fmt: skip


def _live_format() -> Format:
    """Keep the state in memory, without a copy."""
    known: dict[str, Any] = {}

    def save_training(run: Any, path: pathlib.Path) -> None:
        state = run.state()
        known[str(path)] = {**state, "model": copy_tree(state["model"])}
        path.write_bytes(b"in memory")

    def load_training(path: pathlib.Path, run: Any) -> None:
        run.restore(known[str(path)])

    return Format(name="in memory", backend="torch", save_training=save_training, load_training=load_training)


@torch_only
def test_shared_tensor_of_a_run_is_named() -> None:
    (result,) = _run(_live_format(), "training/momentum").values()
    assert result.verdict is Verdict.UNREADABLE
    assert "the loaded run shares ['optimizer']['state'][0]['momentum_buffer'] with the saved run" in result.detail


@pytest.mark.skipif("numpy" not in BACKENDS, reason="runs in numpy's environment")
def test_shared_tensor_of_a_tree_is_named() -> None:
    known: dict[str, Any] = {}

    def save(tree: Any, path: pathlib.Path) -> None:
        known[str(path)] = dict(tree)
        path.write_bytes(b"in memory")

    format = Format(name="in memory", backend="numpy", save=save, load=lambda path: known[str(path)], accepts="dict")
    (result,) = _run(format, "dtype/float32").values()
    assert "the loaded tree shares ['x'] with the saved tree" in result.detail


@pytest.mark.parametrize("say", ["print", "return"])
@torch_only
def test_report_that_is_only_printed_is_named(say: str, capsys: pytest.CaptureFixture[str]) -> None:
    reference = Reference("torch")

    def save_model(model: Any, path: pathlib.Path) -> None:
        reference.save(model.state_dict(), path)

    def load_model(path: pathlib.Path, model: Any) -> Any:
        report = model.load_state_dict(reference.load(path), strict=False)
        return print(report) if say == "print" else report

    format = Format(name="reports", backend="torch", save_model=save_model, load_model=load_model)
    (result,) = _run(format, "mismatch/missing").values()
    if say == "return":
        assert result.verdict is Verdict.KEPT
        return
    assert result.verdict is Verdict.CHANGED
    assert "the report was only printed" in result.detail
    assert "silently" not in result.detail
    assert "missing_keys" in capsys.readouterr().out
