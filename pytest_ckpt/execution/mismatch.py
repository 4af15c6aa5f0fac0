"""Run an example in which the file does not match the model or template, or in which only a part is loaded.

Each value of the file must be loaded under its own name. Everything else must be an error or be reported. A leaf is known by its name: a
tensor of a model, or an entry of a flat dict.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backends.tree_builder import build_tree
from ..compare.elements import as_array
from ..compare.models import model_differences
from ..compare.tensors import read
from ..compare.trees import differences
from ..specs import Mismatch, ModelSpec, NarrowLoad, PartialLoad, Spec, other_model, other_values
from ..verdicts import Difference, Observation
from .capture import Captured, capturing
from .context import Workspace
from .model_io import load_with_report, models_for, save_model
from .tree import other_tree
from .user_code import PROVES_NOTHING, EarlyResult, call_user_code, inspect_loaded, save_and_wait

#: Aspects in which a loaded value must equal the saved one.
_JUDGED = ("values", "nan-payload", "dtype", "shape", "keys")


def run_mismatch(workspace: Workspace, spec: Mismatch) -> Observation:
    """Load a file into a model or a template that does not match it. Raise EarlyResult and CannotBuild."""
    loader = _Models(workspace) if isinstance(spec.target, ModelSpec) else _Trees(workspace)
    saved, before = loader.leaves(loader.build(spec.saved)), loader.leaves(loader.build(spec.target))
    if _described(saved) == _described(before):
        return Observation(skipped=f"{workspace.context.backend.name} builds both with the same leaves in the same order, so they match")
    with workspace.context.fresh_path() as path:
        usual = _load_matching(loader, spec.saved, path)
        if isinstance(usual, Observation):
            return usual
    with workspace.context.fresh_path() as path:
        loader.save(spec.saved, path)
        with capturing() as captured:
            try:
                loaded = loader.load(spec.target, path, captured)
            except EarlyResult as early:
                return Observation() if early.observation.unreadable else early.observation
        found = call_user_code("load", inspect_loaded, _silent_changes, loaded, saved, before, captured, usual)
        return Observation(differences=tuple(found))


def _load_matching(loader: _Models | _Trees, spec: Spec, path: pathlib.Path) -> set[str] | Observation:
    """Return the messages for a file that matches, or a skip if such a file is not restored, so that an error would prove nothing."""
    loader.save(spec, path)
    with capturing() as captured:
        try:
            loaded = loader.load(loader.other(spec), path, captured)
        except EarlyResult as early:
            return Observation(
                skipped=f"a file that matches is not loaded either: {early.observation.unreadable or early.observation.crashed}"
            )
    lost = _lost(loaded, loader.leaves(loader.build(spec)))
    if lost:
        return Observation(skipped=f"a file that matches is not restored either: {lost[0]}")
    return captured.messages()


class _Models:
    """Models that are loaded into models."""

    def __init__(self, workspace: Workspace) -> None:
        self.format = workspace.format
        self.models = models_for(workspace.context.backend)

    def build(self, spec: Any) -> Any:
        return self.models.build(spec)

    def other(self, spec: Any) -> Any:
        return other_model(spec)

    def save(self, spec: Any, path: pathlib.Path) -> None:
        save_model(self.format, self.models, self.build(spec), path)

    def load(self, target: Any, path: pathlib.Path, captured: Captured) -> dict[str, Any]:
        model, report = load_with_report(self.format, self.models, path, self.build(target))
        captured.add_report(report)
        return self.leaves(model)

    def leaves(self, model: Any) -> dict[str, Any]:
        return self.models.read(model).tensors


class _Trees:
    """Trees that are loaded into templates."""

    def __init__(self, workspace: Workspace) -> None:
        self.format = workspace.format
        self.backend = workspace.context.backend

    def build(self, spec: Any) -> Any:
        return build_tree(spec, self.backend)

    def other(self, spec: Any) -> Any:
        return other_values(spec)

    def save(self, spec: Any, path: pathlib.Path) -> None:
        assert self.format.save is not None
        save_and_wait(self.format, self.format.save, self.build(spec), path)

    def load(self, target: Any, path: pathlib.Path, captured: Captured) -> dict[str, Any]:
        assert self.format.load is not None
        return self.leaves(call_user_code("load", self.format.load, path, self.build(target)))

    def leaves(self, tree: Any) -> dict[str, Any]:
        if isinstance(tree, Mapping):
            return {str(key): value for key, value in tree.items()}
        return {str(index): value for index, value in enumerate(tree)} if isinstance(tree, list | tuple) else {"": tree}


def _described(leaves: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return names, dtypes and shapes, in order."""
    return [(name, reading.dtype, reading.shape) if (reading := read(leaf)) else (name, None, None) for name, leaf in leaves.items()]


def _silent_changes(
    loaded: dict[str, Any], saved: dict[str, Any], before: dict[str, Any], captured: Captured, usual: set[str]
) -> list[Difference]:
    """Return the leaves that were loaded wrongly, or left out, without a report. ``before`` are those that it was loaded into."""
    found: list[Difference] = []
    matching = [name for name, own in before.items() if name in saved and _described({"": own}) == _described({"": saved[name]})]
    if captured.report_names_all(matching):
        captured.report = ""

    def unless_reported(name: str, aspect: str, expected: str, actual: str) -> None:
        if not captured.reports(name, usual):
            found.append(Difference(f"[{name!r}]", aspect, f"an error or a warning, because {expected}", f"{actual}, silently", lost=True))

    for name, own in before.items():
        now = loaded.get(name)
        if name not in saved:
            if now is not None:
                actual = "it received other values" if _lost(now, own) else "it kept its values"
                unless_reported(name, "keys", "the file has no such leaf", actual)
            continue
        if name not in loaded:
            unless_reported(name, "keys", "the file has this leaf", "it is gone")
            continue
        wrong = _lost(now, saved[name])
        if not wrong:
            continue
        model, file = read(own), read(saved[name])
        if model is None or file is None or (model.shape == file.shape and model.dtype == file.dtype):
            found.append(_named(name, wrong[0]))
        elif model.shape != file.shape:
            actual = f"it was loaded into shape {model.shape}, or not loaded"
            unless_reported(name, "shape", f"the file has shape {file.shape}", actual)
        elif not _survives(now, saved[name]):
            unless_reported(name, "dtype", f"the file has {file.dtype}", f"its values were cast to {model.dtype}")
    for name in saved:
        if name not in before and (name not in loaded or _lost(loaded[name], saved[name])):
            unless_reported(name, "keys", "the file has this leaf", "it was ignored")
    return found


def _named(name: str, difference: Difference) -> Difference:
    return dataclasses.replace(difference, path=f"[{name!r}]{difference.path}")


def _lost(loaded: Any, saved: Any) -> list[Difference]:
    return [each for each in differences(loaded, saved) if each.aspect in _JUDGED or each.lost]


def _survives(loaded: Any, saved: Any) -> bool:
    """Return whether a tensor of another dtype holds every saved value, so that a cast back gives the same bits."""
    now, original = _numbers(loaded), _numbers(saved)
    if now is None or original is None or now.shape != original.shape:
        return False
    with np.errstate(all="ignore"):
        back = now.astype(original.dtype)
    return bool(back.tobytes() == original.tobytes())


def _numbers(tensor: Any) -> Any:
    reading = read(tensor)
    return None if reading is None else as_array(reading.words, reading.dtype, reading.shape)


def run_partial(workspace: Workspace, spec: PartialLoad) -> Observation:
    """Load only the named layers: exactly their tensors must be those of the file, and all others must keep their values."""
    format, path = workspace.format, workspace.path
    assert format.load_partial is not None
    models = models_for(workspace.context.backend)
    save_model(format, models, models.build(spec.saved), path)
    saved, before = models.read(models.build(spec.saved)).tensors, models.read(models.build(spec.target)).tensors
    wanted = [name for name in saved if any(name.startswith((f"{layer}.", f"{layer}/")) for layer in spec.names)]
    target = models.build(spec.target)
    if not wanted or any(not _lost(before[name], saved[name]) for name in wanted):
        return Observation(skipped=f"the target does not differ in the layers to load, {PROVES_NOTHING}")
    returned = call_user_code("load", format.load_partial, path, target, wanted)
    loaded = returned if models.owns(returned) else target
    expected = {name: saved[name] if name in wanted else value for name, value in before.items()}
    flags = [each for each in model_differences(loaded, models.build(spec.target), models, architecture=True) if each.aspect == "flags"]
    return Observation(differences=(*_lost(models.read(loaded).tensors, expected), *flags))


def run_narrow(workspace: Workspace, spec: NarrowLoad) -> Observation:
    """Load 64-bit values where the framework has no 64-bit types: they must be exact, or there must be an error or a warning."""
    format, backend, path = workspace.format, workspace.context.backend, workspace.path
    assert format.save is not None
    assert format.load is not None
    tree = build_tree(spec.tree, backend)
    template = (other_tree(backend, spec.tree, tree),) if format.template else ()
    save_and_wait(format, format.save, tree, path)
    with capturing() as wide:
        expected = call_user_code("load", format.load, path, *template)
    if lost := _lost(expected, tree):
        return Observation(skipped=f"with 64-bit types it is not restored either: {lost[0]}")
    with backend.narrow(), capturing() as captured:
        try:
            loaded = call_user_code("load", format.load, path, *template)
        except EarlyResult as early:
            return Observation() if early.observation.unreadable else early.observation
    if captured.warns(wide.messages()):
        return Observation()
    found = _lost(loaded, tree)
    if isinstance(loaded, dict) and isinstance(tree, dict) and loaded.keys() == tree.keys():
        exact = [key for key in tree if _survives(loaded[key], tree[key])]
        found = [each for each in found if not any(each.path.startswith(f"[{key!r}]") for key in exact)]
    return Observation(differences=tuple(found))
