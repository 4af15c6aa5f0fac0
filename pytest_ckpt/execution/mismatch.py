"""Trials of a file that does not fit what it is loaded into, or of which only a part is wanted.

Each value of the file has to land under its own name; what cannot, and what the file has no value for, has to be an error or a
report. A leaf is looked at by its name: a tensor of a model, or an entry of a flat dict.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..backends.base import Backend
from ..backends.tree_builder import build_tree
from ..compare.elements import as_array
from ..compare.models import model_differences
from ..compare.trees import differences, read
from ..formats.base import Format
from ..specs import Mismatch, ModelSpec, NarrowLoad, PartialLoad, Spec, other_model, other_values
from ..verdicts import Difference, Observation
from .capture import Captured, capturing
from .model import load_with_report, models_for, save_model
from .tree import other_tree
from .user_code import Failed, attempt, inspected, saved_with

FreshPath = Callable[[], contextlib.AbstractContextManager[pathlib.Path]]
#: Aspects in which what is loaded has to be what was saved.
_JUDGED = ("values", "nan-payload", "dtype", "shape", "keys")


def try_misfit(format: Format, backend: Backend, spec: Mismatch, fresh_path: FreshPath) -> Observation:
    """What was seen. Raises Failed and CannotBuild."""
    loader = _Models(format, backend) if isinstance(spec.target, ModelSpec) else _Trees(format, backend)
    saved, before = loader.leaves(loader.build(spec.saved)), loader.leaves(loader.build(spec.target))
    if _described(saved) == _described(before):
        return Observation(skipped=f"{backend.name} itself gives both the same leaves in the same order, so they fit")
    with fresh_path() as path:
        usual = _intact(loader, spec.saved, path)
        if isinstance(usual, Observation):
            return usual
    with fresh_path() as path:
        loader.save(spec.saved, path)
        with capturing() as heard:
            try:
                came = loader.load(spec.target, path, heard)
            except Failed as failed:
                return Observation() if failed.seen.unreadable else failed.seen
        found = attempt("load", inspected, _quiet, came, saved, before, heard, usual)
        return Observation(differences=tuple(found))


def _intact(loader: _Models | _Trees, spec: Spec, path: pathlib.Path) -> set[str] | Observation:
    """What is said of a file that fits; or that it is not loaded whole, so that an error would say nothing."""
    loader.save(spec, path)
    with capturing() as heard:
        try:
            came = loader.load(loader.other(spec), path, heard)
        except Failed as failed:
            return Observation(skipped=f"a file that fits is not loaded either: {failed.seen.unreadable or failed.seen.crashed}")
    saved = loader.leaves(loader.build(spec))
    lost = [each for each in differences(came, saved) if each.aspect in _JUDGED or each.lost]
    if lost:
        return Observation(skipped=f"a file that fits does not come back either: {lost[0]}")
    return heard.said()


class _Models:
    """Models that are loaded into models."""

    def __init__(self, format: Format, backend: Backend) -> None:
        self.format = format
        self.models = models_for(backend)

    def build(self, spec: Any) -> Any:
        return self.models.build(spec)

    def other(self, spec: Any) -> Any:
        return other_model(spec)

    def save(self, spec: Any, path: pathlib.Path) -> None:
        save_model(self.format, self.models, self.build(spec), path)

    def load(self, target: Any, path: pathlib.Path, heard: Captured) -> dict[str, Any]:
        model, report = load_with_report(self.format, self.models, path, self.build(target))
        heard.returned(report)
        return self.leaves(model)

    def leaves(self, model: Any) -> dict[str, Any]:
        return self.models.read(model).tensors


class _Trees:
    """Trees that are loaded into templates."""

    def __init__(self, format: Format, backend: Backend) -> None:
        self.format = format
        self.backend = backend

    def build(self, spec: Any) -> Any:
        return build_tree(spec, self.backend)

    def other(self, spec: Any) -> Any:
        return other_values(spec)

    def save(self, spec: Any, path: pathlib.Path) -> None:
        assert self.format.save is not None
        saved_with(self.format, self.format.save, self.build(spec), path)

    def load(self, target: Any, path: pathlib.Path, heard: Captured) -> dict[str, Any]:
        assert self.format.load is not None
        return self.leaves(attempt("load", self.format.load, path, self.build(target)))

    def leaves(self, tree: Any) -> dict[str, Any]:
        if isinstance(tree, Mapping):
            return {str(key): value for key, value in tree.items()}
        return {str(place): value for place, value in enumerate(tree)} if isinstance(tree, list | tuple) else {"": tree}


def _described(leaves: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Names, dtypes and shapes, in order."""
    return [(name, it.dtype, it.shape) if (it := read(leaf)) else (name, None, None) for name, leaf in leaves.items()]


def _quiet(came: dict[str, Any], saved: dict[str, Any], before: dict[str, Any], heard: Captured, usual: set[str]) -> list[Difference]:
    """What was loaded wrongly, or passed over without a word."""
    found: list[Difference] = []
    fitting = [name for name, own in before.items() if name in saved and _described({"": own}) == _described({"": saved[name]})]
    if heard.lists(fitting):
        heard.report = ""

    def untold(name: str, aspect: str, expected: str, actual: str) -> None:
        if not heard.names(name, usual):
            found.append(
                Difference(f"[{name!r}]", aspect, f"an error or a report, as {expected}", f"{actual}, and nothing was said", lost=True)
            )

    for name, own in before.items():
        now = came.get(name)
        if name not in saved:
            if now is not None:
                untold(
                    name,
                    "keys",
                    "the file has no such leaf",
                    "it was left as it was" if not _wrong(now, own) else "it was given other values",
                )
            continue
        if name not in came:
            untold(name, "keys", "the file has it", "it is gone")
            continue
        wrong = _wrong(now, saved[name])
        if not wrong:
            continue
        ours, theirs = read(own), read(saved[name])
        if ours is None or theirs is None or (ours.shape == theirs.shape and ours.dtype == theirs.dtype):
            found.append(_named(name, wrong[0]))
        elif ours.shape != theirs.shape:
            untold(
                name, "shape", f"it has the shape {theirs.shape} in the file", f"it was loaded into one of {ours.shape}, or left as it was"
            )
        elif not _survives(now, saved[name]):
            untold(name, "dtype", f"it is {theirs.dtype} in the file", f"its values were cast to {ours.dtype}")
    for name in saved:
        if name not in before and (name not in came or _wrong(came[name], saved[name])):
            untold(name, "keys", "the file has it", "it was passed over")
    return found


def _named(name: str, difference: Difference) -> Difference:
    return dataclasses.replace(difference, path=f"[{name!r}]{difference.path}")


def _wrong(came: Any, saved: Any) -> list[Difference]:
    return [each for each in differences(came, saved) if each.aspect in _JUDGED or each.lost]


def _survives(came: Any, saved: Any) -> bool:
    """Whether a tensor of another dtype holds every value of the one that was saved, so that casting it back gives the same bits."""
    now, then = _numbers(came), _numbers(saved)
    if now is None or then is None or now.shape != then.shape:
        return False
    with np.errstate(all="ignore"):
        back = now.astype(then.dtype)
    return bool(back.tobytes() == then.tobytes())


def _numbers(tensor: Any) -> Any:
    reading = read(tensor)
    return None if reading is None else as_array(reading.words, reading.dtype, reading.shape)


def try_partial(format: Format, backend: Backend, spec: PartialLoad, path: pathlib.Path) -> Observation:
    """Only the layers that are named are loaded: exactly their tensors are the file's, and all others what they were."""
    assert format.load_partial is not None
    models = models_for(backend)
    save_model(format, models, models.build(spec.saved), path)
    saved, before = models.read(models.build(spec.saved)).tensors, models.read(models.build(spec.target)).tensors
    wanted = [name for name in saved if any(name.startswith((f"{layer}.", f"{layer}/")) for layer in spec.names)]
    target = models.build(spec.target)
    if not wanted or any(not _wrong(before[name], saved[name]) for name in wanted):
        return Observation(skipped="the target does not differ in what is to be loaded, so nothing would be shown")
    returned = attempt("load", format.load_partial, path, target, wanted)
    loaded = returned if models.owns(returned) else target
    after = models.read(loaded).tensors
    found = differences(after, {name: saved[name] if name in wanted else value for name, value in before.items()})
    flags = [each for each in model_differences(loaded, models.build(spec.target), models, architecture=True) if each.aspect == "flags"]
    return Observation(differences=(*(each for each in found if each.aspect in _JUDGED or each.lost), *flags))


def try_narrow(format: Format, backend: Backend, spec: NarrowLoad, path: pathlib.Path) -> Observation:
    """64-bit values are loaded where the framework has no 64-bit types: exactly, or with an error or a warning."""
    assert format.save is not None
    assert format.load is not None
    tree = build_tree(spec.tree, backend)
    template = (other_tree(backend, spec.tree, tree),) if format.template else ()
    saved_with(format, format.save, tree, path)
    with capturing() as wide:
        expected = attempt("load", format.load, path, *template)
    if lost := [each for each in differences(expected, tree) if each.aspect in _JUDGED or each.lost]:
        return Observation(skipped=f"with 64-bit types it does not come back either: {lost[0]}")
    with backend.narrow(), capturing() as heard:
        try:
            came = attempt("load", format.load, path, *template)
        except Failed as failed:
            return Observation() if failed.seen.unreadable else failed.seen
    if heard.surprise(wide.said()):
        return Observation()
    found = [each for each in differences(came, tree) if each.aspect in _JUDGED or each.lost]
    if isinstance(came, dict) and isinstance(tree, dict) and came.keys() == tree.keys():
        found = [each for each in found if not any(each.path.startswith(f"[{key!r}]") and _survives(came[key], tree[key]) for key in tree)]
    return Observation(differences=tuple(found))
