"""Compare two models: parameters and buffers bit for bit, then flags, modes and settings, then
outputs.

Lets the backends read models, and compares the results with `trees`. Knows no format and no check.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..backends.model_base import ModelBackend, ModelReading
from ..verdicts import Difference
from .aliasing import SEPARATE_MEMORY
from .objects import type_name
from .trees import differences

#: Aspects of tensors that do not count in models.
_IGNORED = frozenset({"strides", "order"})
_TRAINING = "training"


def model_differences(actual: Any, expected: Any, models: ModelBackend, architecture: bool = False) -> list[Difference]:
    """Return all differences between the states of two models of one framework.

    With ``architecture``, also compare the settings of the layers: a file of the whole model must
    contain them.
    """
    ours, theirs = models.read(expected), models.read(actual)
    found = [_with_cause(each, ours) for each in differences(theirs.tensors, ours.tensors, _IGNORED)]
    # Instance attributes of tensors are notes of libraries, not flags of the model.
    found = [each for each in found if each.aspect != "flags" or not each.expected.startswith(".")]
    # A framework that does not save the random states of layers does not restore them either.
    random_states = tuple(f"[{name!r}]" for name in ours.random_states)
    found = [each for each in found if not each.path.startswith(random_states)] if random_states else found
    if not any(each.aspect == "alias" for each in found):
        found += _untied(theirs, ours)
    # Compared by name, because a class that is defined again (in a function or a reloaded module)
    # is another object.
    if type_name(actual) != type_name(expected):
        found.append(Difference("", "kind", type_name(expected), type_name(actual), leaf=type_name(expected)))
    found += _flag_differences("frozen", theirs.frozen, ours.frozen)
    found += _flag_differences(_TRAINING, theirs.training, ours.training)
    return found + (settings_differences(theirs, ours) if architecture else [])


def settings_differences(actual: ModelReading, expected: ModelReading) -> list[Difference]:
    """Return the layers of two models whose settings differ."""
    return _flag_differences("settings", actual.settings, expected.settings)


def is_mode_difference(difference: Difference) -> bool:
    """Return whether a difference is that one layer is in training mode and the other one is not."""
    return difference.aspect == "flags" and difference.actual.startswith(f"{_TRAINING}=")


def _flag_differences(flag: str, actual: Mapping[str, Any], expected: Mapping[str, Any]) -> list[Difference]:
    """Compare a flag of the layers that both models have.

    A missing layer shows by its missing tensors.
    """
    names = [name for name in expected if name in actual and actual[name] != expected[name]]
    return [Difference(name, "flags", f"{flag}={expected[name]}", f"{flag}={actual[name]}", leaf="model") for name in names]


def _untied(actual: ModelReading, expected: ModelReading) -> list[Difference]:
    """Return the names of one parameter that are now two parameters in the same memory."""
    first: dict[int, str] = {}
    found = []
    for name, tensor in expected.tensors.items():
        other = first.setdefault(id(tensor), name)
        if other != name and name in actual.tensors and actual.tensors.get(other) is not actual.tensors[name]:
            cause = "the weights are no longer tied, so an optimizer over all parameters would update this memory twice"
            states = f"the same parameter as {other!r}", "another parameter in the same memory"
            found.append(Difference(f"[{name!r}]", "alias", *states, leaf="model", cause=cause))
    return found


def _with_cause(difference: Difference, expected: ModelReading) -> Difference:
    """Return the difference with a likely cause, where the model shows one."""
    unsaved = next((key for key in expected.unsaved if difference.path.startswith(f"[{key!r}]")), None)
    cause = difference.cause
    if unsaved is not None and difference.aspect in ("values", "keys", "dtype", "shape"):
        cause = "the framework does not save this buffer (it is not persistent), so loading must not change it, or must compute it again"
    elif difference.aspect == "alias" and difference.actual == SEPARATE_MEMORY:
        cause = "the weights are no longer tied: each name was loaded into a separate tensor"
    return dataclasses.replace(difference, cause=cause) if cause != difference.cause else difference
