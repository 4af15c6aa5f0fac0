"""Run an example of a training run: train, save, load into another run, train on, and compare every step with an uninterrupted run.

Runs draw from the random generators of the process, so they are trained one after the other, and copies of their states are compared.
"""

from __future__ import annotations

import contextlib
import pathlib
from typing import Any

from ..backends import get_training
from ..backends.base import Backend, CannotBuild
from ..backends.training_base import Run, TrainingBackend, preserve_rng
from ..compare.tensors import copy_tree, shared_place
from ..compare.trees import differences
from ..compare.unloaded import with_unloaded
from ..specs import TrainingSpec, other_run
from ..verdicts import Difference, Observation
from .context import Workspace
from .model_io import models_for
from .observations import locate
from .user_code import PROVES_NOTHING, SAME_OBJECT, EarlyResult, call_user_code, inspect_loaded, save_and_wait, shares_with_saved

#: Aspects that no state has to preserve: it is restored by names, into tensors that exist.
_IGNORED = frozenset({"strides", "order", "alias"})
#: Where differences were found before the loaded run was trained on.
_AFTER_LOADING = "right after loading"


def run_training(workspace: Workspace, spec: TrainingSpec) -> Observation:
    """Resume a training run. Raise EarlyResult and CannotBuild."""
    backend = workspace.context.backend
    try:
        training = get_training(backend.name)
    except ImportError as error:
        raise CannotBuild(str(error)) from None
    if training is None:
        raise CannotBuild(f"{backend.name} has no training runs")
    with preserve_rng(training):
        return _save_twice(workspace, training, spec) if spec.again else _resume(workspace, training, spec)


def _resume(workspace: Workspace, training: TrainingBackend, spec: TrainingSpec) -> Observation:
    expected = _uninterrupted(training, spec)
    run = training.build(spec)
    run.train(spec.before)
    for resume in range(spec.resumes):
        at = spec.before + resume * spec.after
        with workspace.context.fresh_path() as path:
            _save(workspace, run, path)
            if altered := _state_differences(run.state(), expected[at]):
                return _not_repeatable(training, spec, expected) or Observation(
                    differences=tuple(locate(altered, "the run that was saved, after save"))
                )
            if altered := _train_on(run, expected, at, spec):
                return _not_repeatable(training, spec, expected) or Observation(differences=tuple(altered))
            fresh = _fresh_run(training, spec)
            if not _state_differences(fresh.state(), expected[at]):
                return Observation(skipped=f"the fresh run does not differ from the saved one, {PROVES_NOTHING}")
            before = copy_tree(fresh.state())
            saved, run = run, _load(workspace, training, fresh, path, at)
            if shared := _shared(run, saved):
                return Observation(unreadable=shared)
            # The random states belong to the process, and are now those of the loaded run.
            if altered := _state_differences({**saved.state(), "rng": {}}, {**expected[at + spec.after], "rng": {}}):
                return Observation(differences=tuple(locate(altered, "the run that was saved, after another was loaded")))
        if found := call_user_code("load", inspect_loaded, _first_differences, run, expected, at, spec):
            cause = ""
            if found[0].path.startswith(_AFTER_LOADING):
                found, cause = with_unloaded(found, _state_differences(run.state(), before))
            return _not_repeatable(training, spec, expected) or Observation(differences=tuple(found), cause=cause)
    return Observation()


def _shared(run: Run, saved: Run) -> str | None:
    """Return a sentence if a loaded run shares something with the saved one, so that it says nothing about the file."""
    if run is saved:
        return SAME_OBJECT
    place = shared_place(run.state(), saved.state())
    return None if place is None else shares_with_saved("run", place)


def _save_twice(workspace: Workspace, training: TrainingBackend, spec: TrainingSpec) -> Observation:
    """Save a run, change it, save it again, and load the second checkpoint and then the first."""
    run = training.build(spec)
    run.train(spec.before)
    first, overwrites = copy_tree(run.state()), spec.again == "same path"
    with workspace.context.fresh_path() as path:
        _save(workspace, run, path)
        if spec.again == "other values":
            other = training.build(other_run(spec))
            other.train(spec.before)
            run.restore(copy_tree(other.state()))
        else:
            run.train(spec.after)
        second, at = copy_tree(run.state()), run.step
        if not _state_differences(second, first):
            return Observation(skipped=f"the run did not change between the saves, {PROVES_NOTHING}")
        second_path = path if overwrites else path.with_name(f"2-{path.name}")
        try:
            _save(workspace, run, second_path)
        except EarlyResult as early:
            if overwrites and early.observation.refused:
                return Observation(skipped=f"save does not overwrite a checkpoint: {early.observation.refused}")
            raise
        checkpoints = [("the second checkpoint", second_path, second, at)]
        if not overwrites:
            checkpoints.append(("the first checkpoint, after the second save", path, first, spec.before))
        for name, place, expected, step in checkpoints:
            loaded = _load(workspace, training, training.build(other_run(other_run(spec))), place, step)
            if found := call_user_code("load", inspect_loaded, _run_differences, loaded, expected):
                return Observation(differences=tuple(locate(found, name)))
    return Observation()


def _train_on(run: Run, expected: dict[int, Any], at: int, spec: TrainingSpec) -> list[Difference]:
    """Train the saved run on: saving must not change it, and the file must not follow it."""
    for step in range(at + 1, at + spec.after + 1):
        run.train(1)
        if found := _state_differences(run.state(), expected[step]):
            return locate(found, f"the run that was saved, at step {step}")
    return []


def _fresh_run(training: TrainingBackend, spec: TrainingSpec) -> Run:
    """Return a run as a script creates it to resume in it: with another start, and without a training step.

    With ``other_settings``, its settings also differ. Raise CannotBuild if its state holds none.
    """
    fresh = training.build(other_run(spec))
    if spec.other_settings:
        before = copy_tree(fresh.state())
        with contextlib.suppress(Exception):  # Not every framework can restore changed settings.
            fresh.restore(fresh.with_other_settings(copy_tree(before)))
        if not _state_differences(fresh.state(), before):
            raise CannotBuild("the state of this run holds no settings that can be changed")
    return fresh


def _template(training: TrainingBackend, spec: TrainingSpec, at: int) -> Any:
    """Return a state with other values that has the slots of an optimizer after ``at`` steps, for loaders that need a template."""
    run = training.build(other_run(spec))
    run.train(min(at, 1 + (at == 1)))
    return run.state()


def _modes(backend: Backend, run: Run) -> dict[str, bool]:
    return dict(models_for(backend).read(run.model).training)


def _state_differences(state: Any, expected: Any) -> list[Difference]:
    """Compare two states of runs. Of the random states, only those that are in ``expected`` count."""
    rng = {part: state["rng"].get(part) for part in expected["rng"]}
    return differences({**state, "rng": rng}, expected, _IGNORED)


def _run_differences(run: Run, expected: Any) -> list[Difference]:
    return _state_differences(run.state(), expected)


def _uninterrupted(training: TrainingBackend, spec: TrainingSpec) -> dict[int, Any]:
    """Return the states of an uninterrupted run by step, from the step of the first save.

    Random states that never change are left out, because the run does not draw from them.
    """
    run = training.build(spec)
    start = copy_tree(run.state()["rng"])
    run.train(spec.before)
    states = {spec.before: copy_tree(run.state())}
    for _ in range(spec.resumes * spec.after):
        run.train(1)
        states[run.step] = copy_tree(run.state())
    used = [part for part, state in states[run.step]["rng"].items() if differences(state, start[part])]
    return {step: {**state, "rng": {part: state["rng"][part] for part in used}} for step, state in states.items()}


def _not_repeatable(training: TrainingBackend, spec: TrainingSpec, expected: dict[int, Any]) -> Observation | None:
    """Return a skip if the framework does not repeat the uninterrupted run, else None."""
    again = _uninterrupted(training, spec)
    for step, state in expected.items():
        if found := _state_differences(again[step], state):
            return Observation(skipped=f"the framework does not repeat the uninterrupted run itself: after step {step}, {found[0]}")
    return None


def _first_differences(run: Run, expected: dict[int, Any], at: int, spec: TrainingSpec) -> list[Difference]:
    """Return the differences at the first step at which the resumed run differs from the uninterrupted one."""
    found = locate(_state_differences(run.state(), expected[at]), f"{_AFTER_LOADING}, at step {at}")
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


def _save(workspace: Workspace, run: Run, path: pathlib.Path) -> None:
    format, backend = workspace.format, workspace.context.backend
    if format.save_training is not None:
        save_and_wait(format, format.save_training, run, path, lambda: {**run.state(), "modes": _modes(backend, run)})
    else:
        assert format.save is not None
        save_and_wait(format, format.save, run.state(), path)


def _load(workspace: Workspace, training: TrainingBackend, run: Run, path: pathlib.Path, at: int) -> Run:
    """Load a checkpoint of step ``at`` into a run, and return the loaded run."""
    format = workspace.format
    if format.load_training is not None:
        returned = call_user_code("load", format.load_training, path, run, label="load_training")
        within = [each for each in (returned if isinstance(returned, tuple) else (returned,)) if isinstance(each, Run)]
        return within[0] if within else run
    assert format.load is not None
    template = (_template(training, run.spec, at),) if format.template else ()
    state = call_user_code("load", format.load, path, *template)
    call_user_code("load", run.restore, state, label="load returned a state, and restoring the run from it")
    return run
