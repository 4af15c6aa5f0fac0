"""`assert_roundtrip` for a model of the user's own. Knows no spec: the model is all there is."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from .backends.models.base import Look, ModelBackend
from .compare import differences, remembered, same_object
from .compare_models import model_differences, output_differences
from .trials import NOTHING_WRITTEN, size_on_disk
from .verdicts import Difference, Verdict, describe


def model_roundtrip(
    model: Any,
    models: ModelBackend,
    save: Callable[[Any, Any], Any],
    load: Callable[..., Any],
    path: pathlib.Path,
    template: bool,
    make: Callable[[], Any] | None,
    inputs: Any,
    ignored: frozenset[str],
) -> None:
    """What `assert_roundtrip` promises of models."""
    __tracebackhide__ = True
    if template and make is None:
        raise ValueError("assert_roundtrip: a fresh model is what only you can build; give make=")
    fresh = _fresh(model, models, make) if make is not None else None
    # The flags of a fresh model are its own, and loading may leave them.
    own = set(map(_flag, model_differences(fresh, model, models))) if fresh is not None else set()
    before = _remembered(models.look(model))
    save(model, path)
    _check_unaltered(models.look(model), before, "save altered the model that it was given")
    if size_on_disk(path) is None:
        raise AssertionError(NOTHING_WRITTEN)
    returned = load(path) if fresh is None else load(path, fresh)
    loaded = returned if models.owns(returned) else fresh
    if loaded is None:
        raise AssertionError(f"load returned no model but a {type(returned).__name__}; where it fills one that it is given, give make=")
    _check_unaltered(models.look(model), before, "load altered the model that was saved")
    if loaded is model or same_object(models.look(loaded).tensors, models.look(model).tensors):
        raise AssertionError("load returned the very model that was saved, or one that shares tensors with it")
    found = [each for each in model_differences(loaded, model, models) if each.aspect not in ignored]
    found = [each for each in found if _flag(each) not in own and not (fresh is None and _is_mode(each))]
    if inputs is not None and not any(each.verdict >= Verdict.CHANGED for each in found):
        outputs, _ = output_differences(loaded, model, inputs, models)
        found += [each for each in outputs if each.aspect not in ignored]
    if found:
        raise AssertionError(f"what came back is not what was saved, {len(found)} difference(s):\n{describe(found)}")


def _fresh(model: Any, models: ModelBackend, make: Callable[[], Any]) -> Any:
    """The model that is loaded into: it has to hold other values than the one that was saved."""
    fresh = make()
    if not models.owns(fresh):
        raise ValueError(f"assert_roundtrip: make() has to build a model of the same framework, not a {type(fresh).__name__}")
    if fresh is model or same_object(models.look(fresh).tensors, models.look(model).tensors):
        raise ValueError(
            "assert_roundtrip: make() has to build a fresh model; it gave the one that is saved, or one that shares its tensors"
        )
    if not any(each.aspect in ("values", "nan-payload") or each.lost for each in model_differences(fresh, model, models)):
        raise ValueError("the fresh model holds the very values that were saved, so nothing would be shown; give another make=")
    return fresh


def _flag(difference: Difference) -> tuple[str, str, str]:
    """A flag as it is in the model that is compared; nothing that equals another difference's."""
    return (difference.path, difference.actual, "") if difference.aspect == "flags" else ("", "", str(id(difference)))


def _is_mode(difference: Difference) -> bool:
    return difference.aspect == "flags" and difference.actual.startswith("training:")


def _remembered(look: Look) -> tuple[Any, Any, Any]:
    return remembered(look.tensors), dict(look.frozen), dict(look.training)


def _check_unaltered(now: Look, before: tuple[Any, Any, Any], what: str) -> None:
    found = differences([now.tensors, now.frozen, now.training], list(before), ("alias", "kind", "flags", "strides"))
    if found:
        raise AssertionError(f"{what}:\n{describe(found)}")
