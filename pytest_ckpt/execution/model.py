"""A trial of a model: it is saved, loaded into a fresh clone with other values, and compared with the same model built anew."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from ..backends import get_models
from ..backends.base import Backend, CannotBuild
from ..backends.model_base import ModelBackend
from ..compare.models import model_differences, output_differences, settings_differences
from ..compare.trees import same_object
from ..formats.base import Format
from ..specs import LoadInto, ModelSpec, other_model
from ..verdicts import Difference, Observation, Verdict
from .user_code import Failed, attempt, inspected, saved_with

#: How many clones are tried until one differs in every tensor that is saved.
_CLONES = 12


def models_for(backend: Backend) -> ModelBackend:
    """The backend's models. Raises CannotBuild where it has none."""
    models = get_models(backend.name)
    if models is None:
        raise CannotBuild(f"{backend.name} has no models")
    return models


def try_model(format: Format, backend: Backend, spec: ModelSpec | LoadInto, path: pathlib.Path) -> Observation:
    """What was seen. Raises Failed and CannotBuild."""
    models = models_for(backend)
    saved = spec.saved if isinstance(spec, LoadInto) else spec
    model, expected = models.build(saved), models.build(saved)
    clone = models.build(spec.clone) if isinstance(spec, LoadInto) else _clone(models, saved, expected)
    if not model_differences(clone, expected, models):
        return Observation(skipped="the clone does not differ from the model, so nothing would be shown")
    before = models.read(clone)
    own = dataclasses.replace(before, training=dict(before.training), settings=dict(before.settings))
    save_model(format, models, model, path)
    if altered := model_differences(model, expected, models):
        return Observation(differences=tuple(_beside(altered, "the model that was saved, afterwards")))
    given, clone = clone, load_model(format, models, path, clone)
    if clone is model or same_object(models.read(clone).tensors, models.read(model).tensors):
        return Observation(unreadable="what was loaded is, or shares tensors with, the very model that was saved")
    found, note = attempt("load", inspected, _differences, clone, expected, backend, models, saved, format.whole_model)
    if clone is given and not isinstance(spec, LoadInto):
        found = [*found, *(each for each in settings_differences(models.read(clone), own) if each not in found)]
    if altered := model_differences(model, expected, models):
        found = [*found, *_beside(altered, "another model, after loading")]
    return Observation(differences=tuple(found), note=note)


def _clone(models: ModelBackend, saved: ModelSpec, expected: Any) -> Any:
    """A model of the same architecture of which as many tensors as can be have other values."""
    best, most = None, -1
    look = models.read(expected)
    # What is not saved is the same in every model of one architecture.
    wanted = len(look.tensors.keys() - look.unsaved - look.random_states)
    other = saved
    for _ in range(_CLONES):
        other = other_model(other)
        clone = models.build(other)
        paths = {each.path for each in model_differences(clone, expected, models) if each.aspect in ("values", "nan-payload")}
        if len(paths) > most:
            best, most = clone, len(paths)
        if most >= wanted:
            break
    return best


def save_model(format: Format, models: ModelBackend, model: Any, path: pathlib.Path) -> None:
    """Saves a model as the format does, or its state where the format saves trees alone."""
    if format.save_model is not None:
        saved_with(format, format.save_model, model, path)
    else:
        assert format.save is not None
        state = models.state(model)
        saved_with(format, format.save, flat(state) if format.accepts == "dict" else state, path)


def load_model(format: Format, models: ModelBackend, path: pathlib.Path, clone: Any) -> Any:
    """The model that was loaded: the clone, filled, or another one."""
    loaded, _ = load_with_report(format, models, path, clone)
    return loaded


def load_with_report(format: Format, models: ModelBackend, path: pathlib.Path, clone: Any) -> tuple[Any, Any]:
    """The model that was loaded, and what else the loader returned: the framework's own report, if it gives one."""
    if format.load_model is not None:
        returned = attempt("load", format.load_model, path, *(() if format.whole_model else (clone,)))
        if models.owns(returned):
            return returned, None
        within = [each for each in returned if models.owns(each)] if isinstance(returned, tuple) else []
        if len(within) == 1:
            return within[0], tuple(each for each in returned if each is not within[0])
        if format.whole_model:
            raise Failed(Observation(unreadable=f"load_model returned no model but a {type(returned).__name__}"))
        return clone, returned
    assert format.load is not None
    own = models.state(clone)
    template = flat(own) if format.accepts == "dict" else own
    state = attempt("load", format.load, path, *((template,) if format.template else ()))
    if format.accepts == "dict" and isinstance(state, Mapping):
        state = unflattened(state, own)
    attempt("load", models.load_state, clone, state)
    return clone, None


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one, their keys joined by dots: what formats of flat dicts are given."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def unflattened(state: Mapping[Any, Any], own: Any, prefix: str = "") -> dict[Any, Any]:
    """A flat dict in the structure of the model's own state; names that it does not have stay at the top."""
    found: dict[Any, Any] = {}
    for key, value in own.items():
        if isinstance(value, Mapping) and value:
            found[key] = unflattened(state, value, f"{prefix}{key}.")
        elif f"{prefix}{key}" in state:
            found[key] = state[f"{prefix}{key}"]
    if not prefix:
        known = flat(own)
        found.update({key: value for key, value in state.items() if key not in known})
    return found


def _beside(found: list[Difference], where: str) -> list[Difference]:
    """Differences that are none of what was loaded: loading or saving has changed something else."""
    return [dataclasses.replace(each, path=f"{where}: {each.path or 'the root'}", lost=True) for each in found]


def _differences(
    clone: Any, expected: Any, backend: Backend, models: ModelBackend, spec: ModelSpec, architecture: bool
) -> tuple[list[Difference], str]:
    """State first, then outputs: where the state has other values, that the outputs do is no news, and where it is full of NaN and
    infinity, they say nothing."""
    found = model_differences(clone, expected, models, architecture)
    if any(each.verdict >= Verdict.CHANGED for each in found) or spec.values == "any":
        return found, ""
    outputs, note = output_differences(clone, expected, backend.build(spec.input_spec(seed=1 + spec.seed % 1000)), models)
    return [*found, *outputs], note
