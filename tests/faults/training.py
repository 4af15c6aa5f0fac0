"""Faults for the family `training`: the reference format without one part of a run's state."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend
from pytest_ckpt.compare.tensors import copy_tree, read
from pytest_ckpt.specs import OPTIMIZERS

from .models import zeros_like
from .reference import Reference, reference_format

#: Called as ``change(tree, own, backend)``: changes a loaded state; ``own`` is that of the fresh run.
Change = Callable[[dict[str, Any], dict[str, Any], str], None]


def training_format(change: Change, backend: str) -> Format:
    """Return a format that saves the state of a run, and changes it when loading."""
    reference = Reference(backend)

    def load_training(path: pathlib.Path, run: Any) -> None:
        own = copy_tree(run.state())
        tree = reference.load(path)
        change(tree, own, backend)
        run.restore(tree)

    def save_training(run: Any, path: pathlib.Path) -> None:
        reference.save(run.state(), path)

    return dataclasses.replace(reference_format(backend), name="planted", save_training=save_training, load_training=load_training)


def keeps_own(*path: str) -> Change:
    """Do not restore one part of the state: the fresh run keeps its own."""

    def change(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
        for step in path[:-1]:
            tree, own = tree[step], own[step]
        tree[path[-1]] = own[path[-1]]

    return change


def _leaves(node: Any, backend: str) -> list[tuple[Any, Any]]:
    """Return the container and the key of every nonzero tensor in nested dicts and lists."""
    found: list[tuple[Any, Any]] = []
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        reading = read(value) if get_backend(backend).owns(value) else None
        if reading is not None and reading.words is not None and reading.words.any():
            found.append((node, key))
        else:
            found.extend(_leaves(value, backend))
    return found


def zeroes_tensor(part: str, matches: Callable[[str], bool] = lambda key: True) -> Change:
    """Zero the last matching tensor of a part, or of the model if the part has no tensors."""

    def change(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
        places = [place for place in _leaves(tree[part], backend) if matches(str(place[1]))] or _leaves(tree["model"], backend)
        container, key = places[-1]
        container[key] = zeros_like(backend, container[key])

    return change


def swaps_slots(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
    """Swap the optimizer slots of two parameters that have the same shape."""
    places = list(_slots(tree["optimizer"], backend))
    for number, (path, first, ours) in enumerate(places):
        for other_path, second, theirs in places[number + 1 :]:
            mine, other = read(first[ours]), read(second[theirs])
            if mine.shape and (mine.shape, mine.dtype) == (other.shape, other.dtype) and _same_slot_of_two_parameters(path, other_path):
                assert mine.words.tobytes() != other.words.tobytes()
                first[ours], second[theirs] = second[theirs], first[ours]
                return
    raise AssertionError("no two parameters of the same shape have slots to swap")


def _slots(node: Any, backend: str, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Yield the path, the container and the key of every tensor."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if get_backend(backend).owns(value):
            yield (*path, key), node, key
        else:
            yield from _slots(value, backend, (*path, key))


def _same_slot_of_two_parameters(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    """Return whether two paths differ only where they name the parameter or its layer."""
    if len(first) == len(second) == 1:  # Keras: "layer0_kernel_momentum"
        return re.sub(r"layer\d+", "", first[0]) == re.sub(r"layer\d+", "", second[0])
    return len(first) == len(second) and [place for place, (one, other) in enumerate(zip(first, second, strict=True)) if one != other] == [
        len(first) - 2
    ]


def _is_running_statistic(key: str) -> bool:
    return key.endswith(("running_mean", "running_var", "moving_mean", "mean"))


def _zero_slot_of_later_steps(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
    """Zero a slot if the run was saved after step 2, that is, when it is resumed again."""
    if int(tree["step"]) > 2:
        zeroes_tensor("optimizer")(tree, own, backend)


def _zero_slot_beside_statistics(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
    """Zero a slot if the network has running statistics of batch normalization."""
    slots = [container[key] for container, key in _leaves(tree["optimizer"], backend)]
    if any(read(slot).shape for slot in slots) and any(_is_running_statistic(str(key)) for _, key in _leaves(tree["model"], backend)):
        zeroes_tensor("optimizer")(tree, own, backend)


def _keeps_own_or(part: str, otherwise: Change) -> Change:
    """Do not restore a part, or make another change if this framework keeps it elsewhere."""

    def change(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
        (keeps_own(part) if tree.get(part) else otherwise)(tree, own, backend)

    return change


def _copy_first_group(tree: dict[str, Any], own: dict[str, Any], backend: str) -> None:
    """Copy the settings of the first group to all; if the state has no groups, swap slots."""
    groups = tree["optimizer"].get("param_groups") if isinstance(tree["optimizer"], dict) else None
    if groups:
        for group in groups[1:]:
            group.update({key: value for key, value in groups[0].items() if key != "params"})
    else:
        swaps_slots(tree, own, backend)


#: The basic fault of a case, where it is more than a slot of zeros.
_TRAINING: dict[str, Change] = {
    "schedule": _keeps_own_or("schedule", zeroes_tensor("optimizer")),
    "step": keeps_own("step"),
    "rng": keeps_own("rng"),
    "dropout": _keeps_own_or("rng", zeroes_tensor("model")),
    "statistics": zeroes_tensor("model", _is_running_statistic),
    "averaged": _keeps_own_or("averaged", zeroes_tensor("optimizer")),
    "mixed-precision": _keeps_own_or("scaler", zeroes_tensor("optimizer")),
    "accumulated": _keeps_own_or("gradients", zeroes_tensor("optimizer")),
    "groups": _copy_first_group,
    "second-resume": _zero_slot_of_later_steps,
    "drawn": _zero_slot_beside_statistics,
}

#: More faults, by name and by the cases that must notice them.
MORE_TRAINING_FAULTS: dict[tuple[str, tuple[str, ...]], Change] = {
    ("swaps_slots", ("momentum", "adam", "adagrad", "rmsprop")): swaps_slots,
    ("keeps_own_numpy_rng", ("rng",)): keeps_own("rng", "numpy"),
    ("keeps_own_python_rng", ("rng",)): keeps_own("rng", "python"),
    ("keeps_own_step", ("adam", "sgd", "schedule")): keeps_own("step"),
}


def training_faults(case: str, backend: str) -> dict[str, Format]:
    """Return the formats that the check ``training/case`` must fail, by the name of the fault."""
    basic = _TRAINING[case] if case in _TRAINING else zeroes_tensor("optimizer")
    assert case in _TRAINING or case in OPTIMIZERS
    faults = {"does_not_restore_part": training_format(basic, backend)}
    for (name, cases), change in MORE_TRAINING_FAULTS.items():
        if case in cases:
            faults[name] = training_format(change, backend)
    return faults
