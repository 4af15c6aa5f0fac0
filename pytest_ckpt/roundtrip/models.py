"""`assert_roundtrip` for a model of the user. Knows no spec: the model itself is the only input."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..backends import owner_of
from ..backends.model_base import ModelBackend, ModelReading
from ..compare.models import is_mode_difference, model_differences
from ..compare.outputs import output_differences, untracked
from ..compare.tensors import copy_tree, read
from ..compare.trees import differences
from ..specs import DTYPES
from ..verdicts import Difference, Verdict, describe
from .call import Call, check_restored, check_written
from .other_values import other_tensor


def model_roundtrip(model: Any, models: ModelBackend, call: Call) -> None:
    """Raise AssertionError unless the model is restored; see `assert_roundtrip`."""
    __tracebackhide__ = True
    if call.template and call.make is None:
        raise ValueError("assert_roundtrip: only you can build a fresh model as the template; pass make=")
    fresh = _fresh(model, models, call.make) if call.make is not None else None
    # Loading may leave the flags of the fresh model. Tensors that both models share before loading
    # are constants.
    own_flags = _flags_of(model_differences(fresh, model, models)) if fresh is not None else set()
    shared_before = _shared(models.read(fresh), models.read(model)) if fresh is not None else frozenset()
    before = _copy(models.read(model))
    call.save(model, call.path)
    _check_unchanged(models.read(model), before, "save changed the model that it saved")
    check_written(call.path)
    returned = call.load(call.path) if fresh is None else call.load(call.path, fresh)
    loaded = returned if models.owns(returned) else fresh
    if loaded is None:
        message = f"load returned an object of type {type(returned).__name__}, not a model; if it loads into a given model, pass make="
        raise AssertionError(message)
    _check_unchanged(models.read(model), before, "load changed the saved model")
    shared = _shared(models.read(loaded), models.read(model))
    if loaded is model or (shared - shared_before if fresh is not None else shared and shared == _with_memory(models.read(model))):
        raise AssertionError("load returned the saved model itself, or a model that shares tensors with it, so the file was not tested")
    found = [each for each in model_differences(loaded, model, models) if each.aspect not in call.ignored]
    found = [each for each in found if not _flags_of([each]) & own_flags and not (fresh is None and is_mode_difference(each))]
    check_restored(_with_outputs(found, loaded, model, models, call))


def _with_outputs(found: list[Difference], loaded: Any, model: Any, models: ModelBackend, call: Call) -> list[Difference]:
    """Add the differences in outputs, if no difference in the state explains them.

    A tensor that the framework does not save may be a cache, so it counts only if outputs differ.
    Without inputs, each layer that the framework does not track counts as a difference.
    """
    unsaved = tuple(f"[{name!r}]" for name in models.read(model).unsaved)
    caches = [each for each in found if unsaved and each.path.startswith(unsaved)]
    rest = [each for each in found if each not in caches]
    if any(each.verdict >= Verdict.CHANGED for each in rest):
        return found
    if call.inputs is None:
        causes = untracked(loaded, model, models, only_modules=True)
        return [
            *found,
            *(Difference("", "values", "all layers", "a layer that was not restored", lost=True, cause=cause) for cause in causes),
        ]
    outputs, _ = output_differences(loaded, model, call.inputs, models)
    outputs = [each for each in outputs if each.aspect not in call.ignored]
    return [*rest, *(caches if outputs else []), *outputs]


def _fresh(model: Any, models: ModelBackend, make: Callable[[], Any]) -> Any:
    """Return the model to load into.

    Raises ValueError unless its values differ from those of the saved model.
    """
    fresh = make()
    if not models.owns(fresh):
        raise ValueError(f"assert_roundtrip: make() must build a model of the same framework, not an object of type {type(fresh).__name__}")
    reading, saved = models.read(fresh), models.read(model)
    shared = _shared(reading, saved)
    if fresh is model or (shared and shared == _with_memory(saved)):
        raise ValueError("assert_roundtrip: make() must build a fresh model, not return the saved one or one that shares its tensors")
    _change_constants(fresh, model, models)
    if not any(each.verdict >= Verdict.CHANGED for each in model_differences(fresh, model, models)):
        if causes := untracked(fresh, model, models):
            raise AssertionError(f"the framework tracks nothing of this model that could be saved: {'; '.join(causes)}")
        raise ValueError("the fresh model has the same values as the saved one, so the test would prove nothing; pass another make=")
    return fresh


def _change_constants(fresh: Any, model: Any, models: ModelBackend) -> None:
    """Change the tensors of a fresh model that have the same constant value in both models.

    Biases, scales and statistics start with the same value in every model, so a loader that skips
    them would not be noticed. Nothing is changed if any tensor that is not constant is equal in
    both models: then the fresh model shares weights intentionally, such as a base model that is not
    part of the checkpoint. Tensors that cannot be set stay unchanged.
    """
    with contextlib.suppress(Exception):  # a state that is not a dict of tensors, or an unusual load_state
        ours, theirs = models.state(fresh), models.state(model)
        equal = list(_equal_tensors(ours, theirs))
        if equal and all(_may_be_initial(leaf) for _, _, leaf in equal):
            for holder, key, leaf in equal:
                holder[key] = _other_constant(leaf)
            models.load_state(fresh, ours)


def _equal_tensors(ours: Any, theirs: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield each tensor that is equal in two nested dicts, with the dict that holds it and its key."""
    for key, leaf in list(ours.items()):
        if isinstance(leaf, dict) and isinstance(theirs.get(key), dict):
            yield from _equal_tensors(leaf, theirs[key])
        elif key in theirs and owner_of(leaf) is not None and not differences(leaf, theirs[key], ("alias",)):
            yield ours, key, leaf


def _may_be_initial(leaf: Any) -> bool:
    """Return whether a tensor may be equal only because all models start with it.

    That is a tensor with one repeated value, or a tensor that is not floating-point (an index or a
    counter).
    """
    reading = read(leaf)
    if reading is None or reading.words is None or reading.dtype not in DTYPES:
        return False
    return DTYPES[reading.dtype].float is None or _is_constant(reading.words)


def _is_constant(words: Any) -> bool:
    flat = words.reshape(-1)
    return bool((flat == flat[:1]).all())


def _other_constant(leaf: Any) -> Any:
    """Return a tensor with other values for a constant one.

    Any other tensor is returned unchanged.
    """
    reading = read(leaf)
    assert reading is not None
    return other_tensor(leaf) if reading.words.size and _is_constant(reading.words) else leaf


def _shared(first: ModelReading, second: ModelReading) -> frozenset[str]:
    """Return the names under which two models have the same tensor, or tensors at the same address."""
    return frozenset(
        name for name, tensor in first.tensors.items() if name in second.tensors and _same_memory(tensor, second.tensors[name])
    )


def _same_memory(first: Any, second: Any) -> bool:
    ours, theirs = read(first), read(second)
    if ours is None or theirs is None or ours.memory is None or theirs.memory is None or 0 in ours.shape:
        return False
    return first is second or ours.memory.address == theirs.memory.address


def _with_memory(reading: ModelReading) -> frozenset[str]:
    """Return the names of tensors whose memory can be observed."""
    return _shared(reading, reading)


def _flags_of(found: Sequence[Difference]) -> set[tuple[str, str]]:
    """Return the flags that differ: their path, and their state in the actual model."""
    return {(each.path, each.actual) for each in found if each.aspect == "flags"}


def _copy(reading: ModelReading) -> tuple[dict[str, Any], dict[str, bool], dict[str, bool]]:
    """Return a copy of the tensors, the frozen names and the modes of a model.

    Warns about a tensor that cannot be copied (torch cannot copy sparse tensors and tensors with a
    gradient history), since a change to it would not be noticed.
    """
    copies: dict[str, Any] = {}
    for name, tensor in reading.tensors.items():
        try:
            copies[name] = copy_tree(tensor)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            message = f"assert_roundtrip: {name} cannot be copied ({error}), so a change to it by save or load would not be noticed"
            warnings.warn(message, UserWarning, stacklevel=2)
    return copies, dict(reading.frozen), dict(reading.training)


def _check_unchanged(now: ModelReading, before: tuple[dict[str, Any], dict[str, bool], dict[str, bool]], what: str) -> None:
    copies, frozen, training = before
    tensors = {name: tensor for name, tensor in now.tensors.items() if name in copies}
    found = differences([tensors, now.frozen, now.training], [copies, frozen, training], ("alias", "kind", "flags", "strides"))
    if found:
        raise AssertionError(f"{what}:\n{describe(found)}")
