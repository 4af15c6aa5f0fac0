"""Compare the outputs of two models with the same state, and find what the state does not include.

Only the original itself, run again, can excuse a difference: a framework may not repeat its own
outputs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import random
from typing import Any

import numpy as np

from ..backends.model_base import ModelBackend
from ..verdicts import Difference
from .elements import as_array
from .objects import nodes_in
from .tensors import copy_tree, is_leaf, read, tensors_in
from .trees import differences

#: Aspects that do not count in outputs.
_IGNORED = frozenset({"strides", "order", "alias", "flags"})
#: How many objects are searched for tensors that the framework does not track.
_MAX_OBJECTS = 10_000
#: How often the original is run to measure its repeatability, and on how many copies; copies may be
#: large.
_RUNS = 8
_COPIES = 2


def output_differences(actual: Any, expected: Any, inputs: Any, models: ModelBackend) -> tuple[list[Difference], str]:
    """Compare the outputs of two models with the same state.

    Returns the differences that are larger than those between runs of ``expected`` itself, and a
    sentence about the latter, which is empty if the framework repeats its outputs.
    """
    ours, theirs = _outputs(expected, inputs, models), _outputs(actual, inputs, models)
    found = differences({"outputs": theirs}, {"outputs": ours}, _IGNORED)
    if not found:
        return [], ""
    cause = "; ".join(untracked(actual, expected, models))
    spread = _spread(expected, ours, inputs, models)
    largest = max(spread.values(), default=0.0)
    if not largest:
        return [dataclasses.replace(each, cause=cause or each.cause) for each in found], ""
    larger = [dataclasses.replace(each, cause=cause or each.cause) for each in found if not _within(each, ours, theirs, spread)]
    return larger, f"the framework does not repeat the outputs of this model: copies of the original differ by up to {largest:.3g}"


def _outputs(model: Any, inputs: Any, models: ModelBackend) -> Any:
    """Run a model on a copy of the inputs, with fixed seeds of numpy and Python."""
    given, states = inputs, (random.getstate(), np.random.get_state())
    with contextlib.suppress(Exception):  # inputs that cannot be copied are used directly
        given = copy_tree(inputs)
    try:
        random.seed(0)
        np.random.seed(0)
        return models.run(model, given)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _numbers(tree: Any) -> list[Any]:
    """Return the tensors of an output as arrays of float64 or complex128, and None for those
    without numbers.
    """
    return [_as_numbers(tensor) for tensor in tensors_in(tree)]


def _as_numbers(tensor: Any) -> Any:
    reading = read(tensor)
    array = None if reading is None else as_array(reading.words, reading.dtype, reading.shape)
    return None if array is None else array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _spread(model: Any, outputs: Any, inputs: Any, models: ModelBackend) -> dict[int, float]:
    """Return, by the index of an output tensor, the largest difference between runs of a model and
    of its copies.
    """
    first = _numbers(outputs)
    spread = dict.fromkeys(range(len(first)), 0.0)
    copies: list[Any] = [model]
    with contextlib.suppress(Exception):  # a model that cannot be copied is only run again
        copies.extend(models.copy(model) for _ in range(_COPIES))
    for copy in itertools.islice(itertools.cycle(copies), _RUNS):
        for index, (ours, theirs) in enumerate(zip(first, _numbers(_outputs(copy, inputs, models)), strict=False)):
            if ours is not None and theirs is not None and ours.shape == theirs.shape and ours.size:
                with np.errstate(all="ignore"):
                    distance = np.abs(np.where(ours == theirs, 0.0, theirs - ours))
                spread[index] = max(spread[index], float(np.nan_to_num(distance, nan=0.0).max()))
    return spread


def _within(difference: Difference, ours: Any, theirs: Any, spread: dict[int, float]) -> bool:
    """Return whether a difference in outputs concerns only values and is not larger than the
    spread.
    """
    if difference.aspect not in ("values", "nan-payload"):
        return False
    for index, (first, second) in enumerate(zip(_numbers(ours), _numbers(theirs), strict=False)):
        if first is not None and second is not None and first.shape == second.shape:
            with np.errstate(all="ignore"):
                distance = np.abs(np.where((first == second) | (np.isnan(first) & np.isnan(second)), 0.0, first - second))
            # Twice the spread, because a few runs rarely show the largest possible difference.
            if distance.size and not float(distance.max()) <= 2 * spread[index]:
                return False
    return True


def untracked(actual: Any, expected: Any, models: ModelBackend, only_modules: bool = False) -> list[str]:
    """Return one sentence for each attribute that differs between two models and that the framework
    does not track.

    Such attributes hold tensors, or modules in a container that the framework does not search.
    Private attributes are left out. With ``only_modules``, attributes without modules are left out.
    """
    modules, others = models.modules(expected), models.modules(actual)
    ours, theirs = models.read(expected), models.read(actual)
    tracked = (*modules.values(), *others.values(), *ours.tensors.values(), *theirs.tensors.values(), *ours.tracked, *theirs.tracked)
    known = {id(each) for each in tracked}
    found = []
    for name, module in modules.items():
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            counterpart = getattr(others.get(name), "__dict__", {}).get(attribute)
            if attribute.startswith("_") or id(value) in known:
                continue
            if (what := _untracked_content(value, models, known, only_modules)) and _differ(counterpart, value):
                where = f"{name}.{attribute}" if name else attribute
                found.append(f"{where} is {what}, which the framework neither tracks nor saves, and it differs")
    return found


def _untracked_content(value: Any, models: ModelBackend, known: set[int], only_modules: bool) -> str:
    """Describe the tensors or modules in an attribute that the framework does not track; empty if
    there are none.
    """

    def stop(node: Any) -> bool:
        return id(node) in known or is_leaf(node)

    nodes = list(itertools.islice(nodes_in(value, stop), _MAX_OBJECTS))
    if is_leaf(value):
        return "" if only_modules else "a tensor in a plain attribute"
    inside = [node for node, _ in nodes if id(node) not in known]
    count = sum(1 for node in inside if models.owns(node))
    if count:
        return f"a {type(value).__name__} of modules ({count})" if not models.owns(value) else "a module"
    return f"a {type(value).__name__} with tensors in it" if any(is_leaf(node) for node in inside) and not only_modules else ""


def _differ(actual: Any, expected: Any) -> bool:
    with contextlib.suppress(Exception):  # values that cannot be compared are not named as a cause
        return bool(differences(actual, expected, ("order", "strides", "alias")))
    return False
