"""Save a model and load one, by the format's own functions or through its state tree."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from ..backends import get_models
from ..backends.base import Backend, CannotBuild
from ..backends.model_base import ModelBackend
from ..formats.base import Format
from ..verdicts import Observation
from .user_code import EarlyResult, call_user_code, save_and_wait


def models_for(backend: Backend) -> ModelBackend:
    """Return the backend's models. Raise CannotBuild if it has none."""
    models = get_models(backend.name)
    if models is None:
        raise CannotBuild(f"{backend.name} has no models")
    return models


def save_model(format: Format, models: ModelBackend, model: Any, path: pathlib.Path) -> None:
    """Save a model with the format's ``save_model``, or its state with ``save``. Raise EarlyResult."""
    if format.save_model is not None:
        save_and_wait(format, format.save_model, model, path)
    else:
        assert format.save is not None
        state = models.state(model)
        save_and_wait(format, format.save, flatten(state) if format.accepts == "dict" else state, path)


def load_model(format: Format, models: ModelBackend, path: pathlib.Path, clone: Any) -> Any:
    """Return the loaded model: ``clone`` with the loaded values, or another model. Raise EarlyResult."""
    loaded, _ = load_with_report(format, models, path, clone)
    return loaded


def load_with_report(format: Format, models: ModelBackend, path: pathlib.Path, clone: Any) -> tuple[Any, Any]:
    """Return the loaded model, and what else the loader returned, such as the framework's own report. Raise EarlyResult."""
    if format.load_model is not None:
        returned = call_user_code("load", format.load_model, path, *(() if format.whole_model else (clone,)))
        if models.owns(returned):
            return returned, None
        within = [each for each in returned if models.owns(each)] if isinstance(returned, tuple) else []
        if len(within) == 1:
            return within[0], tuple(each for each in returned if each is not within[0])
        if format.whole_model:
            raise EarlyResult(Observation(unreadable=f"load_model returned {type(returned).__name__}, which is not a model"))
        return clone, returned
    assert format.load is not None
    own = models.state(clone)
    template = flatten(own) if format.accepts == "dict" else own
    state = call_user_code("load", format.load, path, *((template,) if format.template else ()))
    if format.accepts == "dict" and isinstance(state, Mapping):
        state = unflatten(state, own)
    call_user_code("load", models.load_state, clone, state)
    return clone, None


def flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested dicts as one dict, with keys joined by dots, for formats that accept a flat dict."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found.update(flatten(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def unflatten(state: Mapping[Any, Any], own: Any, prefix: str = "") -> dict[Any, Any]:
    """Return a flat dict in the structure of the model's own state. Unknown names stay at the top."""
    found: dict[Any, Any] = {}
    for key, value in own.items():
        if isinstance(value, Mapping) and value:
            found[key] = unflatten(state, value, f"{prefix}{key}.")
        elif f"{prefix}{key}" in state:
            found[key] = state[f"{prefix}{key}"]
    if not prefix:
        known = flatten(own)
        found.update({key: value for key, value in state.items() if key not in known})
    return found
