"""Run an example of a training run: train, save, load into another run, train on, and compare every step with an uninterrupted run.

Runs draw from the random generators of the process, so they are trained one after the other, and copies of their states are compared.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import pathlib
from typing import Any

from ..backends import get_training
from ..backends.base import Backend, CannotBuild
from ..backends.training_base import Run, TrainingBackend, preserve_rng
from ..compare.tensors import copy_tree, same_object
from ..compare.trees import differences
from ..formats.base import Format
from ..specs import TrainingSpec, other_run
from ..verdicts import Difference, Observation
from .context import Workspace
from .model_io import models_for
from .observations import locate
from .user_code import PROVES_NOTHING, SAME_OBJECT, EarlyResult, call_user_code, inspect_loaded, save_and_wait

#: Aspects that no state has to preserve: it is restored by names, into tensors that exist.
_IGNORED = frozenset({"strides", "order", "alias"})


def run_training(workspace: Workspace, spec: TrainingSpec) -> Observation:
    """Resume a training run. Raise EarlyResult and CannotBuild."""
    format, backend = workspace.format, workspace.context.backend
    training = get_training(backend.name)
    if training is None:
        raise CannotBuild(f"{backend.name} has no training runs")
    with preserve_rng(training):
        expected = _uninterrupted(training, spec)
        run = training.build(spec)
        run.train(spec.before)
        for resume in range(spec.resumes):
            at = spec.before + resume * spec.after
            with workspace.context.fresh_path() as path:
                mode = _modes(backend, run)
                _save(format, run, path)
                if altered := _state_differences(run.state(), expected[at]) or _mode_differences(_modes(backend, run), mode):
                    return _not_repeatable(training, spec, expected) or Observation(
                        differences=tuple(locate(altered, "the run that was saved, after save"))
                    )
                if altered := _train_on(run, expected, at, spec):
                    return _not_repeatable(training, spec, expected) or Observation(differences=tuple(altered))
                fresh = _fresh_run(training, spec, at)
                if not _state_differences(fresh.state(), expected[at]):
                    return Observation(skipped=f"the fresh run does not differ from the saved one, {PROVES_NOTHING}")
                saved, run = run, _load(format, fresh, path)
                if run is saved or same_object(run.state(), saved.state()):
                    return Observation(unreadable=SAME_OBJECT)
                # The random states belong to the process, and are now those of the loaded run.
                if altered := _state_differences({**saved.state(), "rng": {}}, {**expected[at + spec.after], "rng": {}}):
                    return Observation(differences=tuple(locate(altered, "the run that was saved, after another was loaded")))
            if found := call_user_code("load", inspect_loaded, _first_differences, run, expected, at, spec):
                return _not_repeatable(training, spec, expected) or Observation(differences=tuple(found))
    return Observation()


def _train_on(run: Run, expected: dict[int, Any], at: int, spec: TrainingSpec) -> list[Difference]:
    """Train the saved run on: saving must not change it, and the file must not follow it."""
    for step in range(at + 1, at + spec.after + 1):
        run.train(1)
        if found := _state_differences(run.state(), expected[step]):
            return locate(found, f"the run that was saved, at step {step}")
    return []


def _fresh_run(training: TrainingBackend, spec: TrainingSpec, at: int) -> Run:
    """Return a run with another seed that has trained a step or more, and with other settings where a state holds settings.

    So its counters, slots and moments differ, and loading must replace them.
    """
    fresh = training.build(other_run(spec))
    fresh.train(1 + (at == 1))
    state = copy_tree(fresh.state())
    # Not every framework can restore changed settings. Then the settings of the script must do.
    with contextlib.suppress(Exception):
        fresh.restore({**state, **{part: _changed(state[part]) for part in ("optimizer", "schedule", "scaler") if part in state}})
        return fresh
    fresh = training.build(other_run(spec))
    fresh.train(1 + (at == 1))
    return fresh


def _changed(node: Any) -> Any:
    """Return the same state with other plain numbers.

    Zeros stay, because they switch something off, and so do lists of integers, because they are indices.
    """
    if isinstance(node, dict):
        found = copy.copy(node)  # A Counter remains a Counter.
        for key, value in node.items():
            found[key] = _changed(value)
        return found
    if isinstance(node, list):
        return [item if isinstance(item, int) else _changed(item) for item in node]
    if isinstance(node, tuple) and type(node) is tuple:
        return tuple(map(_changed, node))
    if type(node) is float:
        return node / 2
    return node + 1 if type(node) is int and node else node


def _modes(backend: Backend, run: Run) -> dict[str, bool]:
    return dict(models_for(backend).read(run.model).training)


def _mode_differences(now: dict[str, bool], before: dict[str, bool]) -> list[Difference]:
    return [dataclasses.replace(each, aspect="flags") for each in differences(now, before)]


def _state_differences(state: Any, expected: Any) -> list[Difference]:
    return differences(state, expected, _IGNORED)


def _uninterrupted(training: TrainingBackend, spec: TrainingSpec) -> dict[int, Any]:
    """Return the states of an uninterrupted run by step, from the step of the first save."""
    run = training.build(spec)
    run.train(spec.before)
    states = {spec.before: copy_tree(run.state())}
    for _ in range(spec.resumes * spec.after):
        run.train(1)
        states[run.step] = copy_tree(run.state())
    return states


def _not_repeatable(training: TrainingBackend, spec: TrainingSpec, expected: dict[int, Any]) -> Observation | None:
    """Return a skip if the framework does not repeat the uninterrupted run, else None."""
    again = _uninterrupted(training, spec)
    for step, state in expected.items():
        if found := _state_differences(again[step], state):
            return Observation(skipped=f"the framework does not repeat the uninterrupted run itself: after step {step}, {found[0]}")
    return None


def _first_differences(run: Run, expected: dict[int, Any], at: int, spec: TrainingSpec) -> list[Difference]:
    """Return the differences at the first step at which the resumed run differs from the uninterrupted one."""
    found = locate(_state_differences(run.state(), expected[at]), f"right after loading, at step {at}")
    for step in range(at + 1, at + spec.after + 1):
        if found:
            return found
        try:
            run.train(1)
        except Exception as error:
            text = f"the loaded run cannot be trained on, at step {step}: {type(error).__name__}: {error}"
            raise EarlyResult(Observation(unreadable=text)) from error
        found = locate(_state_differences(run.state(), expected[step]), f"step {step}, the {_ordinal(step - at)} after loading")
    return found


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _save(format: Format, run: Run, path: pathlib.Path) -> None:
    if format.save_training is not None:
        save_and_wait(format, format.save_training, run, path)
    else:
        assert format.save is not None
        save_and_wait(format, format.save, run.state(), path)


def _load(format: Format, run: Run, path: pathlib.Path) -> Run:
    if format.load_training is not None:
        returned = call_user_code("load", format.load_training, path, run)
        within = [each for each in (returned if isinstance(returned, tuple) else (returned,)) if isinstance(each, Run)]
        return within[0] if within else run
    assert format.load is not None
    state = call_user_code("load", format.load, path, *((run.state(),) if format.template else ()))
    call_user_code("load", run.restore, state)
    return run
