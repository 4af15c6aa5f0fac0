"""Run an example of a model: save it, load it into a clone with other values, and compare it with the same model built again."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..backends.base import Backend
from ..backends.model_base import ModelBackend
from ..compare.models import model_differences, settings_differences
from ..compare.outputs import output_differences
from ..compare.tensors import same_object
from ..specs import LoadInto, ModelSpec, other_model
from ..verdicts import Difference, Observation, Verdict
from .context import Workspace
from .model_io import load_model, models_for, save_model
from .observations import locate
from .user_code import PROVES_NOTHING, call_user_code, inspect_loaded

#: How many clones are built until one differs in every tensor that is saved.
_CLONES = 12


def run_model(workspace: Workspace, spec: ModelSpec | LoadInto) -> Observation:
    """Save and load a model. Raise EarlyResult and CannotBuild."""
    format, backend, path = workspace.format, workspace.context.backend, workspace.path
    models = models_for(backend)
    saved_spec = spec.saved if isinstance(spec, LoadInto) else spec
    model, expected = models.build(saved_spec), models.build(saved_spec)
    clone = models.build(spec.clone) if isinstance(spec, LoadInto) else _clone(models, saved_spec, expected)
    if not model_differences(clone, expected, models):
        return Observation(skipped=f"the clone does not differ from the model, {PROVES_NOTHING}")
    before = models.read(clone)
    before = dataclasses.replace(before, training=dict(before.training), settings=dict(before.settings))
    save_model(format, models, model, path)
    if altered := model_differences(model, expected, models):
        return Observation(differences=tuple(locate(altered, "the model that was saved, after save", lost=True)))
    target, loaded = clone, load_model(format, models, path, clone)
    if loaded is model or same_object(models.read(loaded).tensors, models.read(model).tensors):
        return Observation(unreadable="the loaded model is the one that was saved, or shares tensors with it")
    found, note = call_user_code("load", inspect_loaded, _differences, loaded, expected, backend, models, saved_spec, format.whole_model)
    if loaded is target and not isinstance(spec, LoadInto):
        found = [*found, *(each for each in settings_differences(models.read(loaded), before) if each not in found)]
    if altered := model_differences(model, expected, models):
        found = [*found, *locate(altered, "another model, after load", lost=True)]
    return Observation(differences=tuple(found), note=note)


def _clone(models: ModelBackend, saved: ModelSpec, expected: Any) -> Any:
    """Return a model of the same architecture in which as many tensors as possible have other values."""
    best, most = None, -1
    look = models.read(expected)
    # Tensors that are not saved are equal in all models of one architecture.
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


def _differences(
    loaded: Any, expected: Any, backend: Backend, models: ModelBackend, spec: ModelSpec, architecture: bool
) -> tuple[list[Difference], str]:
    """Compare state first, then outputs.

    If the state has other values, different outputs add nothing. If it is full of NaN and infinity, outputs prove nothing.
    """
    found = model_differences(loaded, expected, models, architecture)
    if any(each.verdict >= Verdict.CHANGED for each in found) or spec.values == "any":
        return found, ""
    outputs, note = output_differences(loaded, expected, backend.build(spec.input_spec(seed=1 + spec.seed % 1000)), models)
    return [*found, *outputs], note
