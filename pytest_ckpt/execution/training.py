"""A trial of a training run: trained, saved, loaded into a run that began elsewhere, trained further, and at every step
compared with a run that never stopped.

A run draws from the generators of the process, so runs are trained one after the other, and what is compared are copies of states.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

from ..backends import get_training
from ..backends.base import Backend, CannotBuild
from ..backends.training_base import Run, TrainingBackend, preserve_rng
from ..compare.trees import differences, remembered, same_object
from ..formats.base import Format
from ..specs import TrainingSpec, other_run
from ..verdicts import Difference, Observation
from .model import models_for
from .tree import SAME_OBJECT
from .user_code import Failed, attempt, inspected, saved_with

FreshPath = Callable[[], contextlib.AbstractContextManager[pathlib.Path]]
#: What nobody promised of a state: it is restored by names, and into tensors that are there.
_NOT_OF_RUNS = frozenset({"strides", "order", "alias"})


def try_training(format: Format, backend: Backend, spec: TrainingSpec, fresh_path: FreshPath) -> Observation:
    """What was seen. Raises Failed and CannotBuild."""
    training = get_training(backend.name)
    if training is None:
        raise CannotBuild(f"{backend.name} has no training runs")
    with preserve_rng(training):
        expected = _never_stopped(training, spec)
        run = training.build(spec)
        run.train(spec.before)
        for resume in range(spec.resumes):
            at = spec.before + resume * spec.after
            with fresh_path() as path:
                mode = _mode(backend, run)
                _save(format, run, path)
                if altered := _apart(run.state(), expected[at]) or _flags_apart(_mode(backend, run), mode):
                    return _repeatable(training, spec, expected) or Observation(
                        differences=tuple(_at(altered, "the run that was saved, afterwards"))
                    )
                if altered := _going_on(run, expected, at, spec):
                    return _repeatable(training, spec, expected) or Observation(differences=tuple(altered))
                fresh = _fresh(training, spec, at)
                if not _apart(fresh.state(), expected[at]):
                    return Observation(skipped="the fresh run does not differ from the one that is saved, so nothing would be shown")
                saved, run = run, _load(format, fresh, path)
                if run is saved or same_object(run.state(), saved.state()):
                    return Observation(unreadable=SAME_OBJECT)
                # The random states are the process's, and now those of the loaded run.
                if altered := _apart({**saved.state(), "rng": {}}, {**expected[at + spec.after], "rng": {}}):
                    return Observation(differences=tuple(_at(altered, "the run that was saved, after another was loaded")))
            if found := attempt("load", inspected, _first_apart, run, expected, at, spec):
                return _repeatable(training, spec, expected) or Observation(differences=tuple(found))
    return Observation()


def _going_on(run: Run, expected: dict[int, Any], at: int, spec: TrainingSpec) -> list[Difference]:
    """Trains the run that was saved further: saving leaves it as it was, and a file does not follow it."""
    for step in range(at + 1, at + spec.after + 1):
        run.train(1)
        if unlike := _apart(run.state(), expected[step]):
            return _at(unlike, f"the run that was saved, at step {step}")
    return []


def _fresh(training: TrainingBackend, spec: TrainingSpec, at: int) -> Run:
    """A run that began elsewhere, with a step or more behind it, so that it has counters, slots and moments of its own to be rid of;
    and with other settings, where a state holds settings."""
    fresh = training.build(other_run(spec))
    fresh.train(1 + (at == 1))
    state = remembered(fresh.state())
    with contextlib.suppress(Exception):  # not every framework lets its settings be others; those of the script are fresh enough
        fresh.restore({**state, **{part: _unsettled(state[part]) for part in ("optimizer", "schedule", "scaler") if part in state}})
        return fresh
    fresh = training.build(other_run(spec))
    fresh.train(1 + (at == 1))
    return fresh


def _unsettled(node: Any) -> Any:
    """The same with other plain numbers, but for zeros, which switch something off, and lists of numbers, which are places."""
    if isinstance(node, dict):
        found = copy.copy(node)  # a Counter stays one
        for key, value in node.items():
            found[key] = _unsettled(value)
        return found
    if isinstance(node, list):
        return [item if isinstance(item, int) else _unsettled(item) for item in node]
    if isinstance(node, tuple) and type(node) is tuple:
        return tuple(map(_unsettled, node))
    if type(node) is float:
        return node / 2
    return node + 1 if type(node) is int and node else node


def _mode(backend: Backend, run: Run) -> dict[str, bool]:
    return dict(models_for(backend).read(run.model).training)


def _flags_apart(now: dict[str, bool], before: dict[str, bool]) -> list[Difference]:
    return [dataclasses.replace(each, aspect="flags") for each in differences(now, before)]


def _never_stopped(training: TrainingBackend, spec: TrainingSpec) -> dict[int, Any]:
    """The states of the run that never stopped, by step, from the first time that it is saved."""
    run = training.build(spec)
    run.train(spec.before)
    states = {spec.before: remembered(run.state())}
    for _ in range(spec.resumes * spec.after):
        run.train(1)
        states[run.step] = remembered(run.state())
    return states


def _repeatable(training: TrainingBackend, spec: TrainingSpec, expected: dict[int, Any]) -> Observation | None:
    """None where the framework repeats the run that never stopped; otherwise that nothing can be asked of it."""
    again = _never_stopped(training, spec)
    for step, state in expected.items():
        if unlike := _apart(again[step], state):
            return Observation(skipped=f"the framework does not repeat this run itself: after step {step}, {unlike[0]}")
    return None


def _first_apart(run: Run, expected: dict[int, Any], at: int, spec: TrainingSpec) -> list[Difference]:
    """The differences at the first step at which the resumed run is not the one that never stopped."""
    found = _at(_apart(run.state(), expected[at]), f"right after loading, at step {at}")
    for step in range(at + 1, at + spec.after + 1):
        if found:
            return found
        try:
            run.train(1)
        except Exception as error:
            raise Failed(
                Observation(unreadable=f"what was loaded cannot be trained on, at step {step}: {type(error).__name__}: {error}")
            ) from error
        if unlike := _apart(run.state(), expected[step]):
            found = _at(unlike, f"step {step}, the {_ordinal(step - at)} after loading")
    return found


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _apart(state: Any, expected: Any) -> list[Difference]:
    return differences(state, expected, _NOT_OF_RUNS)


def _at(found: list[Difference], where: str) -> list[Difference]:
    return [dataclasses.replace(each, path=f"{where}: {each.path or 'the root'}") for each in found]


def _save(format: Format, run: Run, path: pathlib.Path) -> None:
    if format.save_training is not None:
        saved_with(format, format.save_training, run, path)
    else:
        assert format.save is not None
        saved_with(format, format.save, run.state(), path)


def _load(format: Format, run: Run, path: pathlib.Path) -> Run:
    if format.load_training is not None:
        returned = attempt("load", format.load_training, path, run)
        within = [each for each in (returned if isinstance(returned, tuple) else (returned,)) if isinstance(each, Run)]
        return within[0] if within else run
    assert format.load is not None
    state = attempt("load", format.load, path, *((run.state(),) if format.template else ()))
    attempt("load", run.restore, state)
    return run
