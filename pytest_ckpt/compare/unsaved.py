"""Find what differs between two models outside of the state that the framework saves: a likely
cause of other outputs.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from ..backends.model_base import ModelBackend
from .models import settings_differences
from .objects import contents, shown, type_name
from .tensors import is_leaf
from .trees import differences

#: How many objects are searched for tensors that the framework does not track.
_MAX_OBJECTS = 10_000
#: How many causes are listed.
_SHOWN = 3


def causes_of_other_outputs(actual: Any, expected: Any, models: ModelBackend) -> list[str]:
    """Return one sentence for each thing outside of the state in which two models differ: settings
    of layers, then plain attributes, then tensors and modules that the framework does not track.
    """
    settings = [
        f"the settings of layer {each.path!r} were {each.expected} and are {each.actual}"
        for each in settings_differences(models.read(actual), models.read(expected))
        if each.actual.partition("(")[0] == each.expected.partition("(")[0]
    ]
    found = [*untracked(actual, expected, models), *settings, *_plain_attributes(actual, expected, models)]
    return [*found[:_SHOWN], f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else found


def untracked(actual: Any, expected: Any, models: ModelBackend, only_modules: bool = False) -> list[str]:
    """Return one sentence for each attribute that differs between two models and that the framework
    does not track.

    Such attributes hold tensors, or modules in a container that the framework does not search.
    Private attributes are left out. With ``only_modules``, attributes without modules are left out.
    """
    ours, theirs = models.read(expected), models.read(actual)
    modules = (*models.modules(expected).values(), *models.modules(actual).values())
    known = {id(each) for each in (*modules, *ours.tensors.values(), *theirs.tensors.values(), *ours.tracked, *theirs.tracked)}
    found = []
    for where, counterpart, value in _attributes(actual, expected, models):
        if id(value) not in known and (what := _untracked_content(value, models, known, only_modules)) and _differ(counterpart, value):
            found.append(f"{where} is {what}, which the framework neither tracks nor saves, and it differs")
    return found


def holds_untracked(model: Any, models: ModelBackend) -> bool:
    """Return whether a model has an attribute with tensors or modules that the framework does not track."""
    reading = models.read(model)
    known = {id(each) for each in (*models.modules(model).values(), *reading.tensors.values(), *reading.tracked)}
    return any(
        id(value) not in known and _untracked_content(value, models, known, False) for _, _, value in _attributes(model, model, models)
    )


def _attributes(actual: Any, expected: Any, models: ModelBackend) -> Iterator[tuple[str, Any, Any]]:
    """Yield the public attributes of all modules of a model: the name, the value in the other model,
    and the value.

    Left out are modules of which the other model has another class, such as one of TorchScript.
    """
    others = models.modules(actual)
    for name, module in models.modules(expected).items():
        if name in others and type_name(others[name]) != type_name(module):
            continue
        counterparts = getattr(others.get(name), "__dict__", {})
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if not attribute.startswith("_"):
                yield f"{name}.{attribute}" if name else attribute, counterparts.get(attribute), value


def _plain_attributes(actual: Any, expected: Any, models: ModelBackend) -> list[str]:
    """Return one sentence for each number, text or truth value that differs."""
    plain = (bool, int, float, complex, str)
    return [
        f"{where} was {shown(value)} in the saved model and is {shown(other)} in the loaded one"
        for where, other, value in _attributes(actual, expected, models)
        if isinstance(value, plain) and isinstance(other, plain) and other != value and where.rpartition(".")[2] not in ("name", "training")
    ]


def _untracked_content(value: Any, models: ModelBackend, known: set[int], only_modules: bool) -> str:
    """Describe the tensors or modules in an attribute that the framework does not track; empty if
    there are none.
    """
    if is_leaf(value):
        return "" if only_modules else "a tensor in a plain attribute"
    inside = list(itertools.islice(_inside(value, lambda node: id(node) in known), _MAX_OBJECTS))
    count = sum(1 for node in inside if models.owns(node))
    if count:
        return f"a {type(value).__name__} of modules ({count})" if not models.owns(value) else "a module"
    return f"a {type(value).__name__} with tensors in it" if any(is_leaf(node) for node in inside) and not only_modules else ""


def _inside(value: Any, is_known: Callable[[Any], bool]) -> Iterator[Any]:
    """Yield a value and everything in it that is not known.

    Additional attributes of containers are left out: through them, a list of Keras refers to its
    owner.
    """
    todo, visited = [value], {}
    while todo:
        node = todo.pop()
        if is_known(node) or id(node) in visited:
            continue
        visited[id(node)] = node
        yield node
        held = None if is_leaf(node) else contents(node)
        if held is not None:
            todo.extend(reversed([*held.items.values(), *(held.extras.values() if held.kind == "object" else ())]))


def _differ(actual: Any, expected: Any) -> bool:
    with contextlib.suppress(Exception):  # values that cannot be compared are not named as a cause
        return bool(differences(actual, expected, ("order", "strides", "alias")))
    return False
