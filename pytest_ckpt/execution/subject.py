"""What a scenario saves, a tree or a model: build it, save it, load it, compare it. Nothing here judges."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

from ..backends import owner_of
from ..backends.base import Backend
from ..backends.tree_builder import build_tree
from ..compare.models import model_differences
from ..compare.tensors import is_leaf, same_object
from ..compare.trees import differences
from ..formats.base import Format
from ..specs import ModelSpec, Spec, other_values, payload_of
from ..verdicts import Difference, Observation
from .model_io import load_model, models_for, save_model
from .user_code import SAME_OBJECT, EarlyResult, call_user_code, inspect_loaded, save_and_wait

#: Added to a seed to get values that no scenario saves.
_OTHER_SEED = 7919


class Subject:
    """One spec as one format saves and loads it."""

    def __init__(self, format: Format, backend: Backend, spec: Spec) -> None:
        self.format = format
        self.backend = backend
        self.spec = spec
        self.is_model = isinstance(spec, ModelSpec)

    def build(self) -> Any:
        """Return a new object with exactly these bits. Raise CannotBuild."""
        return models_for(self.backend).build(self.spec) if isinstance(self.spec, ModelSpec) else build_tree(self.spec, self.backend)

    def save(self, path: pathlib.Path, obj: Any = None) -> Any:
        """Save ``obj`` (default: a new object), and return it. Raise EarlyResult."""
        obj = self.build() if obj is None else obj
        if self.is_model:
            save_model(self.format, models_for(self.backend), obj, path)
        else:
            assert self.format.save is not None
            save_and_wait(self.format, self.format.save, obj, path)
        return obj

    def start_saving(self, path: pathlib.Path, obj: Any) -> Any:
        """Save without waiting, and return what `save` returned. Raise EarlyResult."""
        save = self.format.save_model if self.is_model else self.format.save
        assert save is not None
        return call_user_code("save", save, obj, path)

    def wait(self, result: Any) -> None:
        """Wait for a save that `start_saving` started. Raise EarlyResult."""
        if self.format.wait is not None:
            call_user_code("save", self.format.wait, result)

    def load(self, path: pathlib.Path, target: Any = None) -> Any:
        """Return the loaded object. ``target`` is the model or template to load into (default: a new one). Raise EarlyResult."""
        target = self.template() if target is None else target
        if self.is_model:
            return load_model(self.format, models_for(self.backend), path, target)
        assert self.format.load is not None
        return call_user_code("load", self.format.load, path, *((target,) if self.format.template else ()))

    def template(self) -> Any:
        """Return a new object of the same structure with other values, or None if the loader needs none."""
        return self.build_other() if self.is_model or self.format.template else None

    def build_other(self) -> Any:
        """Return a new object of the same structure with other values."""
        if self.is_model:
            return models_for(self.backend).build(self._other_spec)
        return build_tree(self._other_spec, self.backend)

    @functools.cached_property
    def _other_spec(self) -> Any:
        if isinstance(self.spec, ModelSpec):
            return dataclasses.replace(self.spec, seed=(self.spec.seed + _OTHER_SEED) % (1 << 63))
        return other_values(self.spec)

    def differences(self, loaded: Any) -> list[Difference]:
        """Return how a loaded object differs from the spec. Raise EarlyResult if it cannot be read."""
        found: list[Difference] = call_user_code("load", inspect_loaded, self._differences, loaded, self._expected)
        return found

    def _differences(self, loaded: Any, expected: Any) -> list[Difference]:
        return model_differences(loaded, expected, models_for(self.backend)) if self.is_model else differences(loaded, expected)

    @functools.cached_property
    def _expected(self) -> Any:
        return self.build()

    def observe(self, path: pathlib.Path, saved: Any = None) -> Observation:
        """Load the checkpoint at ``path``, and compare. ``saved`` is the object that was saved, if it is in this process."""
        try:
            loaded = self.load(path)
            if saved is not None and not self.is_model and call_user_code("load", inspect_loaded, same_object, loaded, saved):
                return Observation(unreadable=SAME_OBJECT)
            return Observation(differences=tuple(self.differences(loaded)))
        except EarlyResult as early:
            return early.observation

    def overwrite(self, obj: Any) -> None:
        """Give a tree or a model other values, in place as far as possible: in its tensors and in its containers."""
        other = self.build_other()
        if self.is_model:
            models = models_for(self.backend)
            models.load_state(obj, models.state(other))
        else:
            _overwrite_tree(obj, other)

    def payload_size(self) -> int:
        """Return the number of bytes of all values."""
        if not isinstance(self.spec, ModelSpec):
            return payload_of(self.spec)
        tensors = models_for(self.backend).read(self.build()).tensors.values()
        words = (self.backend.read(tensor).words for tensor in tensors)
        return sum(each.nbytes for each in words if each is not None)


def _overwrite_tree(tree: Any, other: Any) -> None:
    if is_leaf(tree):
        owner, other_owner = owner_of(tree), owner_of(other)
        if owner is not None and owner is other_owner:
            owner.overwrite(tree, other)
        return
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        _overwrite_tree(value, other[key])
        tree[key] = other[key]


def compare_with_nearest(subjects: Sequence[Subject], path: pathlib.Path) -> Observation:
    """Load a checkpoint that may be any of ``subjects``, which have the same structure, and compare with the nearest of them."""
    try:
        loaded = subjects[0].load(path)
        found = [subject.differences(loaded) for subject in subjects]
    except EarlyResult as early:
        return early.observation
    nearest = min(found, key=lambda each: (max((difference.verdict.severity for difference in each), default=0), len(each)))
    return Observation(differences=tuple(nearest))
