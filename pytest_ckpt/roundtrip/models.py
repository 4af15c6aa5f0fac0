"""`assert_roundtrip` for a model of the user's own. Knows no spec: the model is all there is."""

from __future__ import annotations

import contextlib
import pathlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..backends import owner_of
from ..backends.model_base import ModelBackend, ModelReading
from ..compare.models import model_differences, output_differences, untracked
from ..compare.trees import differences, read, remembered
from ..execution.checkpoint_files import size_on_disk
from ..execution.user_code import NOTHING_WRITTEN
from ..specs import DTYPES, Fill, TensorSpec
from ..verdicts import Difference, Verdict, describe


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
    # The flags of a fresh model are its own, and loading may leave them; tensors that it shares are constants.
    own = _flags_of(model_differences(fresh, model, models)) if fresh is not None else set()
    shared = _shared(models.read(fresh), models.read(model)) if fresh is not None else frozenset()
    before = _remembered(models.read(model))
    save(model, path)
    _check_unaltered(models.read(model), before, "save altered the model that it was given")
    if size_on_disk(path) is None:
        raise AssertionError(NOTHING_WRITTEN)
    returned = load(path) if fresh is None else load(path, fresh)
    loaded = returned if models.owns(returned) else fresh
    if loaded is None:
        raise AssertionError(f"load returned no model but a {type(returned).__name__}; where it fills one that it is given, give make=")
    _check_unaltered(models.read(model), before, "load altered the model that was saved")
    now = _shared(models.read(loaded), models.read(model))
    if loaded is model or (now - shared if fresh is not None else now and now == _with_memory(models.read(model))):
        raise AssertionError("load returned the very model that was saved, or one that shares tensors with it")
    found = [each for each in model_differences(loaded, model, models) if each.aspect not in ignored]
    found = [each for each in found if not _flags_of([each]) & own and not (fresh is None and _is_mode(each))]
    found = _with_outputs(found, loaded, model, models, inputs, ignored)
    if found:
        raise AssertionError(f"what came back is not what was saved, {len(found)} difference(s):\n{describe(found)}")


def _with_outputs(
    found: list[Difference], loaded: Any, model: Any, models: ModelBackend, inputs: Any, ignored: Iterable[str]
) -> list[Difference]:
    """The differences, with those in outputs where the state has none to explain them.

    What the framework does not save counts only where outputs differ: it may be a cache. Without inputs, layers that the framework
    does not track count by themselves.
    """
    unsaved = tuple(f"[{name!r}]" for name in models.read(model).unsaved)
    scratch = [each for each in found if unsaved and each.path.startswith(unsaved)]
    rest = [each for each in found if each not in scratch]
    if any(each.verdict >= Verdict.CHANGED for each in rest):
        return found
    if inputs is None:
        loose = untracked(loaded, model, models, only_modules=True)
        return [*found, *(Difference("", "values", "all layers to come back", each, lost=True) for each in loose)]
    outputs, _ = output_differences(loaded, model, inputs, models)
    outputs = [each for each in outputs if each.aspect not in ignored]
    return [*rest, *(scratch if outputs else []), *outputs]


def _fresh(model: Any, models: ModelBackend, make: Callable[[], Any]) -> Any:
    """The model that is loaded into: it has to hold other values than the one that was saved."""
    fresh = make()
    if not models.owns(fresh):
        raise ValueError(f"assert_roundtrip: make() has to build a model of the same framework, not a {type(fresh).__name__}")
    look, saved = models.read(fresh), models.read(model)
    shared = _shared(look, saved)
    if fresh is model or (shared and shared == _with_memory(saved)):
        raise ValueError(
            "assert_roundtrip: make() has to build a fresh model; it gave the one that is saved, or one that shares its tensors"
        )
    _unlike(fresh, model, models)
    if not any(each.verdict >= Verdict.CHANGED for each in model_differences(fresh, model, models)):
        if loose := untracked(fresh, model, models):
            raise AssertionError(f"nothing of the model is tracked that could be saved: {'; '.join(loose)}")
        raise ValueError("the fresh model holds the very values that were saved, so nothing would be shown; give another make=")
    return fresh


def _unlike(fresh: Any, model: Any, models: ModelBackend) -> None:
    """Gives those tensors of a fresh model other values that begin alike in every model, as biases, scales and statistics do: that
    they are not loaded would not show.

    Only where all others differ: a fresh model that has some of the model's own weights has them for a reason, such as a base that
    is no part of the checkpoint. What cannot be set stays as it is.
    """
    with contextlib.suppress(Exception):  # a state that is no dict of tensors, or that a model takes back in a way of its own
        ours, theirs = models.state(fresh), models.state(model)
        pairs = list(_alike(ours, theirs))
        if pairs and all(_is_constant(leaf) for _, _, leaf in pairs):
            for holder, key, leaf in pairs:
                holder[key] = _other(leaf)
            models.load_state(fresh, ours)


def _alike(ours: Any, theirs: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Every tensor in nested dicts that both have with the same values, and where it stands."""
    for key, leaf in list(ours.items()):
        if isinstance(leaf, dict) and isinstance(theirs.get(key), dict):
            yield from _alike(leaf, theirs[key])
        elif key in theirs and owner_of(leaf) is not None and not differences(leaf, theirs[key], ("alias",)):
            yield ours, key, leaf


def _is_constant(leaf: Any) -> bool:
    """Whether all elements are the same, so that this is how such a tensor begins; numbers that are no floats are places and counts."""
    reading = read(leaf)
    if reading is None or reading.words is None or reading.dtype not in DTYPES:
        return False
    words = reading.words.reshape(-1)
    return DTYPES[reading.dtype].float is None or bool((words == words[:1]).all())


def _other(leaf: Any) -> Any:
    """The same tensor with other values; one that is not made of one value stays as it is."""
    backend, reading = owner_of(leaf), read(leaf)
    assert backend is not None
    assert reading is not None
    words = reading.words.reshape(-1)
    if not words.size or not (words == words[0]).all():
        return leaf
    tries = (backend.build(TensorSpec(reading.dtype, reading.shape, fill=Fill(7919 * seed))) for seed in range(1, 5))
    return next((other for other in tries if differences(other, leaf)), leaf)


def _shared(first: ModelReading, second: ModelReading) -> frozenset[str]:
    """The names under which two models have the very same tensor."""
    return frozenset(name for name, tensor in first.tensors.items() if name in second.tensors and _same(tensor, second.tensors[name]))


def _same(first: Any, second: Any) -> bool:
    ours, theirs = read(first), read(second)
    if ours is None or theirs is None or ours.memory is None or theirs.memory is None or 0 in ours.shape:
        return False
    return first is second or ours.memory.address == theirs.memory.address


def _with_memory(look: ModelReading) -> frozenset[str]:
    return _shared(look, look)


def _flags_of(found: list[Difference]) -> set[tuple[str, str]]:
    """The flags that differ: where, and as they are in the model that is compared."""
    return {(each.path, each.actual) for each in found if each.aspect == "flags"}


def _is_mode(difference: Difference) -> bool:
    return difference.aspect == "flags" and difference.actual.startswith("training:")


def _remembered(look: ModelReading) -> tuple[dict[str, Any], dict[str, bool], dict[str, bool]]:
    """A copy of what will be saved. A tensor that cannot be copied (torch copies no sparse ones, and none with a history of gradients)
    is left out, with a warning that says so: nobody can tell whether it is altered."""
    copies: dict[str, Any] = {}
    for name, tensor in look.tensors.items():
        try:
            copies[name] = remembered(tensor)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            message = f"assert_roundtrip: {name} cannot be copied ({error}), so that save or load alters it would not be seen"
            warnings.warn(message, UserWarning, stacklevel=2)
    return copies, dict(look.frozen), dict(look.training)


def _check_unaltered(now: ModelReading, before: tuple[dict[str, Any], dict[str, bool], dict[str, bool]], what: str) -> None:
    copies, frozen, training = before
    tensors = {name: tensor for name, tensor in now.tensors.items() if name in copies}
    found = differences([tensors, now.frozen, now.training], [copies, frozen, training], ("alias", "kind", "flags", "strides"))
    if found:
        raise AssertionError(f"{what}:\n{describe(found)}")
