"""Two models in, differences out: parameters and buffers bit for bit, flags, modes and settings, then outputs.

Asks the backends what can be seen of a model, and `compare` whether it is the same. It knows no format and no check.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backends.model_base import ModelBackend, ModelReading
from ..verdicts import Difference
from .elements import as_array
from .objects import nodes_in, type_name
from .trees import differences, is_leaf, read, remembered, tensors_in

#: What nobody promised of the tensors that a model is made of, and of its outputs.
_NOT_OF_MODELS = frozenset({"strides", "order"})
_NOT_OF_OUTPUTS = frozenset({"strides", "order", "alias", "flags"})
#: How many objects are looked at in search of tensors that the framework does not track.
_MOST = 10_000
#: How often the original is run to see how far it is from repeating itself.
_RUNS = 8
#: Of how many copies in other memory; they may be large.
_COPIES = 2


def model_differences(actual: Any, expected: Any, models: ModelBackend, architecture: bool = False) -> list[Difference]:
    """Everything in which the state of ``actual`` is not that of ``expected``: both are models of one framework.

    With ``architecture`` also what their layers were configured with: what a file that holds the whole model has to know.
    """
    came, wanted = models.read(actual), models.read(expected)
    nobodys = tuple(f"[{name!r}]" for name in wanted.random_states)
    found = [_explained(each, wanted) for each in differences(came.tensors, wanted.tensors, _NOT_OF_MODELS)]
    # What a library writes down on its own tensors, as attributes of the instance, is no flag of the model.
    found = [each for each in found if each.aspect != "flags" or not each.expected.startswith(".")]
    # Where random numbers of layers are is no part of a model that the framework saves.
    found = [each for each in found if not each.path.startswith(nobodys)] if nobodys else found
    if not any(each.aspect == "alias" for each in found):
        found += _parted(came, wanted)
    # By name: a class that is defined anew, in a function or a module that was loaded again, is the same to a checkpoint.
    if type_name(actual) != type_name(expected):
        found.append(Difference("", "kind", type_name(expected), type_name(actual), leaf=type_name(expected)))
    found += _flags("frozen", wanted.frozen, came.frozen) + _flags("training", wanted.training, came.training)
    return found + (settings_differences(came, wanted) if architecture else [])


def settings_differences(came: ModelReading, wanted: ModelReading) -> list[Difference]:
    """In what the layers of two models are configured differently."""
    return _flags("settings", wanted.settings, came.settings)


def _parted(came: ModelReading, wanted: ModelReading) -> list[Difference]:
    """Names of one parameter that are now names of two, though these share their memory: an optimizer would move both."""
    first: dict[int, str] = {}
    found = []
    for name, tensor in wanted.tensors.items():
        other = first.setdefault(id(tensor), name)
        if other != name and name in came.tensors and came.tensors.get(other) is not came.tensors[name]:
            cause = "tied weights came apart: an optimizer that is given all parameters moves this memory twice"
            states = f"the very parameter that is {other!r}", "another one in the same memory"
            found.append(Difference(f"[{name!r}]", "alias", *states, leaf="model", cause=cause))
    return found


def _flags(what: str, wanted: Mapping[str, Any], came: Mapping[str, Any]) -> list[Difference]:
    """What is a flag of a layer and no tensor, where both have the layer; one that has gone is told by its tensors."""
    unlike = [key for key in wanted if key in came and came[key] != wanted[key]]
    return [Difference(key, "flags", f"{what}: {wanted[key]}", f"{what}: {came[key]}", leaf="model") for key in unlike]


def _explained(difference: Difference, wanted: ModelReading) -> Difference:
    """With a guess at what happened, where the model itself says more than the bits."""
    unsaved = next((key for key in wanted.unsaved if difference.path.startswith(f"[{key!r}]")), None)
    cause = difference.cause
    if unsaved is not None and difference.aspect in ("values", "keys", "dtype", "shape"):
        cause = "the framework does not save this buffer (it is not persistent), so loading has to leave it or make it anew"
    elif difference.aspect == "alias" and "of its own" in difference.actual:
        cause = "tied weights came apart: each name was loaded into a tensor of its own"
    return dataclasses.replace(difference, cause=cause) if cause != difference.cause else difference


def output_differences(actual: Any, expected: Any, inputs: Any, models: ModelBackend) -> tuple[list[Difference], str]:
    """In what the outputs of two models with the same state differ, beyond what the framework does not repeat itself, and
    in words what that is (empty where it repeats itself, which is the rule)."""
    ours, theirs = _outputs(expected, inputs, models), _outputs(actual, inputs, models)
    found = differences({"outputs": theirs}, {"outputs": ours}, _NOT_OF_OUTPUTS)
    if not found:
        return [], ""
    spread = _spread(expected, ours, inputs, models)
    if not any(spread.values()):
        cause = "; ".join(untracked(actual, expected, models))
        return [dataclasses.replace(each, cause=cause or each.cause) for each in found], ""
    cause = "; ".join(untracked(actual, expected, models))
    far = [dataclasses.replace(each, cause=cause or each.cause) for each in found if not _within(each, ours, theirs, spread)]
    most = max(spread.values())
    return far, f"the framework does not repeat this model's outputs itself: copies of the original differ by up to {most:.3g}"


def _outputs(model: Any, inputs: Any, models: ModelBackend) -> Any:
    """What a model makes of a copy of the inputs, with numpy's and Python's random numbers where they always begin."""
    given, states = inputs, (random.getstate(), np.random.get_state())
    with contextlib.suppress(Exception):  # what cannot be copied is given as it is
        given = remembered(inputs)
    try:
        random.seed(0)
        np.random.seed(0)
        return models.run(model, given)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _numbers(tree: Any) -> list[Any]:
    """The tensors of an output as arrays of float64 (or complex128); None for what has no numbers."""
    return [_as_numbers(tensor) for tensor in tensors_in(tree)]


def _as_numbers(tensor: Any) -> Any:
    reading = read(tensor)
    array = None if reading is None else as_array(reading.words, reading.dtype, reading.shape)
    return None if array is None else array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _spread(model: Any, outputs: Any, inputs: Any, models: ModelBackend) -> dict[int, float]:
    """By the place of a tensor among the outputs, how far copies of a model in other memory are from it at most."""
    first = _numbers(outputs)
    spread = dict.fromkeys(range(len(first)), 0.0)
    copies: list[Any] = [model]
    with contextlib.suppress(Exception):  # what cannot be copied is run again where it is
        copies.extend(models.copy(model) for _ in range(_COPIES))
    for copy in itertools.islice(itertools.cycle(copies), _RUNS):
        for place, (ours, theirs) in enumerate(zip(first, _numbers(_outputs(copy, inputs, models)), strict=False)):
            if ours is not None and theirs is not None and ours.shape == theirs.shape and ours.size:
                with np.errstate(all="ignore"):
                    apart = np.abs(np.where(ours == theirs, 0.0, theirs - ours))
                spread[place] = max(spread[place], float(np.nan_to_num(apart, nan=0.0).max()))
    return spread


def _within(difference: Difference, ours: Any, theirs: Any, spread: dict[int, float]) -> bool:
    """Whether a difference in outputs is one of values, and no larger than the spread there."""
    if difference.aspect not in ("values", "nan-payload"):
        return False
    for place, (first, second) in enumerate(zip(_numbers(ours), _numbers(theirs), strict=False)):
        if first is not None and second is not None and first.shape == second.shape:
            with np.errstate(all="ignore"):
                apart = np.abs(np.where((first == second) | (np.isnan(first) & np.isnan(second)), 0.0, first - second))
            # Twice, since a few runs rarely show the farthest that one can be from another.
            if apart.size and not float(apart.max()) <= 2 * spread[place]:
                return False
    return True


def untracked(actual: Any, expected: Any, models: ModelBackend, only_modules: bool = False) -> list[str]:
    """What differs between two models and is not among what the framework tracks: tensors kept as plain attributes, and
    modules in containers that it does not look into. One sentence each. What is private to a class is not looked at."""
    modules, others = models.modules(expected), models.modules(actual)
    look, other = models.read(expected), models.read(actual)
    tracked = (*modules.values(), *others.values(), *look.tensors.values(), *other.tensors.values(), *look.tracked, *other.tracked)
    known = {id(each) for each in tracked}
    found = []
    for name, module in modules.items():
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            counterpart = getattr(others.get(name), "__dict__", {}).get(attribute)
            if attribute.startswith("_") or id(value) in known:
                continue
            if (what := _loose(value, models, known, only_modules)) and _unlike(counterpart, value):
                where = f"{name}.{attribute}" if name else attribute
                found.append(f"{where} is {what}, which the framework neither tracks nor saves, and it differs")
    return found


def _loose(value: Any, models: ModelBackend, known: set[int], only_modules: bool) -> str:
    """What an attribute holds that the framework does not know of, in words."""

    def stop(node: Any) -> bool:
        return id(node) in known or is_leaf(node)

    nodes = list(itertools.islice(nodes_in(value, stop), _MOST))
    if is_leaf(value):
        return "" if only_modules else "a tensor kept as a plain attribute"
    inside = [node for node, _ in nodes if id(node) not in known]
    count = sum(1 for node in inside if models.owns(node))
    if count:
        return f"a {type(value).__name__} of modules ({count})" if not models.owns(value) else "a module"
    return f"a {type(value).__name__} with tensors in it" if any(is_leaf(node) for node in inside) and not only_modules else ""


def _unlike(actual: Any, expected: Any) -> bool:
    with contextlib.suppress(Exception):  # what cannot be compared is no culprit that could be named
        return bool(differences(actual, expected, ("order", "strides", "alias")))
    return False
