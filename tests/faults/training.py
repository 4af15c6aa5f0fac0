"""Faults for the family `training`: the reference format, but for one part of a run's state that it does not restore."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend
from pytest_ckpt.compare.trees import read, remembered
from pytest_ckpt.specs import OPTIMIZERS

from .models import zeros_like
from .reference import Reference, reference_format

#: ``change(tree, own, backend)`` alters what was loaded, given the fresh run's own state.
Change = Callable[[dict[str, Any], dict[str, Any], str], None]


def restoring(change: Change, backend: str) -> Format:
    reference = Reference(backend)

    def load_training(path: pathlib.Path, run: Any) -> None:
        own = remembered(run.state())
        tree = reference.load(path)
        change(tree, own, backend)
        run.restore(tree)

    def save_training(run: Any, path: pathlib.Path) -> None:
        reference.save(run.state(), path)

    return dataclasses.replace(reference_format(backend), name="planted", save_training=save_training, load_training=load_training)


def own_part(*path: str) -> Change:
    """A part of the state stays what it was in the fresh run."""

    def change(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
        for step in path[:-1]:
            tree, own = tree[step], own[step]
        tree[path[-1]] = own[path[-1]]

    return change


def _leaves(node: Any, backend: str) -> list[tuple[Any, Any]]:
    """Every tensor in nested dicts and lists that is not all zeros, as the container and the key where it stands."""
    found: list[tuple[Any, Any]] = []
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        reading = read(value) if get_backend(backend).owns(value) else None
        if reading is not None and reading.words is not None and reading.words.any():
            found.append((node, key))
        else:
            found.extend(_leaves(value, backend))
    return found


def zeroed(part: str, wanted: Callable[[str], bool] = lambda key: True) -> Change:
    """The last tensor of a part comes back as zeros; where an optimizer keeps none, the last one of the model."""

    def change(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
        places = [place for place in _leaves(tree[part], backend) if wanted(str(place[1]))] or _leaves(tree["model"], backend)
        container, key = places[-1]
        container[key] = zeros_like(backend, container[key])

    return change


def swapped(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
    """The slots of two parameters of one shape change places."""
    places = list(_slots(tree["optimizer"], backend))
    for number, (path, first, ours) in enumerate(places):
        for other_path, second, theirs in places[number + 1 :]:
            mine, other = read(first[ours]), read(second[theirs])
            if mine.shape and (mine.shape, mine.dtype) == (other.shape, other.dtype) and _of_two_parameters(path, other_path):
                assert mine.words.tobytes() != other.words.tobytes()
                first[ours], second[theirs] = second[theirs], first[ours]
                return
    raise AssertionError("there are no two parameters of one shape whose slots could be swapped")


def _slots(node: Any, backend: str, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Every tensor, its path, and where it stands."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if get_backend(backend).owns(value):
            yield (*path, key), node, key
        else:
            yield from _slots(value, backend, (*path, key))


def _of_two_parameters(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    """Whether two slots are the same one of two parameters: their paths part where a parameter, or its layer, is named."""
    if len(first) == len(second) == 1:  # Keras: "layer0_kernel_momentum"
        return re.sub(r"layer\d+", "", first[0]) == re.sub(r"layer\d+", "", second[0])
    return len(first) == len(second) and [place for place, (one, other) in enumerate(zip(first, second, strict=True)) if one != other] == [
        len(first) - 2
    ]


def _statistics(key: str) -> bool:
    return key.endswith(("running_mean", "running_var", "moving_mean", "mean"))


def _second(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
    """What was saved at a later step than the first time loses a slot."""
    if int(tree["step"]) > 2:
        zeroed("optimizer")(tree, own, backend)


def _with_statistics(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
    """A slot is lost where the network normalizes batches."""
    slots = [container[key] for container, key in _leaves(tree["optimizer"], backend)]
    if any(read(slot).shape for slot in slots) and any(_statistics(str(key)) for _, key in _leaves(tree["model"], backend)):
        zeroed("optimizer")(tree, own, backend)


def _has(part: str, otherwise: Change) -> Change:
    """The part stays what it was, where the state has one; frameworks that keep it elsewhere lose it there."""

    def change(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
        (own_part(part) if tree.get(part) else otherwise)(tree, own, backend)

    return change


def _settings(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
    """The settings of the first group are given to all; where groups are no part of the state, slots are swapped."""
    groups = tree["optimizer"].get("param_groups") if isinstance(tree["optimizer"], dict) else None
    if groups:
        for group in groups[1:]:
            group.update({key: value for key, value in groups[0].items() if key != "params"})
    else:
        swapped(tree, own, backend)


_TRAINING: dict[str, Change] = {
    "schedule": _has("schedule", zeroed("optimizer")),
    "step": own_part("step"),
    "rng": own_part("rng"),
    "dropout": _has("rng", zeroed("model")),
    "statistics": zeroed("model", _statistics),
    "averaged": _has("averaged", zeroed("optimizer")),
    "mixed-precision": _has("scaler", zeroed("optimizer")),
    "accumulated": _has("gradients", zeroed("optimizer")),
    "groups": _settings,
    "second-resume": _second,
    "drawn": _with_statistics,
}

#: Faults that hide behind a part that is restored.
HIDDEN_RUNS: dict[tuple[str, tuple[str, ...]], Change] = {
    ("swapped", ("momentum", "adam", "adagrad", "rmsprop")): swapped,
    ("numpy", ("rng",)): own_part("rng", "numpy"),
    ("python", ("rng",)): own_part("rng", "python"),
    ("step", ("adam", "sgd", "schedule")): own_part("step"),
}


def training_faults(case: str, backend: str) -> dict[str, Format]:
    """The plain fault of a case, and those that hide behind it."""
    plain = _TRAINING[case] if case in _TRAINING else zeroed("optimizer")
    assert case in _TRAINING or case in OPTIMIZERS
    faults = {"plain": restoring(plain, backend)}
    for (name, cases), change in HIDDEN_RUNS.items():
        if case in cases:
            faults[name] = restoring(change, backend)
    return faults
