"""What a scenario saves, a tree or a model alike, and what is done to it: build, save, load, compare. Facts only; nothing is judged."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

from ..backends.base import Backend
from ..backends.tree_builder import build_tree
from ..compare.models import model_differences
from ..compare.trees import differences, same_object
from ..formats.base import Format
from ..specs import ModelSpec, Spec, other_values
from ..verdicts import Difference, Observation
from .model import load_model, models_for, save_model
from .tree import SAME_OBJECT
from .user_code import Failed, attempt, inspected, saved_with

#: What is added to a seed to get other values than any that a scenario saves.
_FAR = 7919


class Subject:
    """One spec as one format saves and loads it."""

    def __init__(self, format: Format, backend: Backend, spec: Spec) -> None:
        self.format = format
        self.backend = backend
        self.spec = spec
        self.is_model = isinstance(spec, ModelSpec)

    def build(self) -> Any:
        """A new object with just these bits. Raises CannotBuild."""
        return models_for(self.backend).build(self.spec) if isinstance(self.spec, ModelSpec) else build_tree(self.spec, self.backend)

    def save(self, path: pathlib.Path, thing: Any = None) -> Any:
        """Saves ``thing`` (default: what is built), and returns it. Raises Failed."""
        thing = self.build() if thing is None else thing
        if self.is_model:
            save_model(self.format, models_for(self.backend), thing, path)
        else:
            assert self.format.save is not None
            saved_with(self.format, self.format.save, thing, path)
        return thing

    def start_saving(self, path: pathlib.Path, thing: Any) -> Any:
        """Saves, and does not wait: what `save` returned. Raises Failed."""
        save = self.format.save_model if self.is_model else self.format.save
        assert save is not None
        return attempt("save", save, thing, path)

    def load(self, path: pathlib.Path, given: Any = None) -> Any:
        """What comes back, into a model or a template with other values (``given``, or a new one). Raises Failed."""
        given = self.handed() if given is None else given
        if self.is_model:
            return load_model(self.format, models_for(self.backend), path, given)
        assert self.format.load is not None
        return attempt("load", self.format.load, path, *((given,) if self.format.template else ()))

    def handed(self, always: bool = False) -> Any:
        """A new object of the same structure with other values: what a loader is handed, if it wants one; or ``always``."""
        if self.is_model:
            return models_for(self.backend).build(self.clone)
        return build_tree(self.clone, self.backend) if self.format.template or always else None

    @functools.cached_property
    def clone(self) -> Any:
        """The spec of the same structure with other values, which a loader is handed."""
        if isinstance(self.spec, ModelSpec):
            return dataclasses.replace(self.spec, seed=(self.spec.seed + _FAR) % (1 << 63))
        return other_values(self.spec)

    def differences(self, loaded: Any) -> list[Difference]:
        """How what came back differs from what the spec describes. Raises Failed where it cannot be looked at."""
        found: list[Difference] = attempt("load", inspected, self._differences, loaded, self._expected)
        return found

    def _differences(self, loaded: Any, expected: Any) -> list[Difference]:
        return model_differences(loaded, expected, models_for(self.backend)) if self.is_model else differences(loaded, expected)

    @functools.cached_property
    def _expected(self) -> Any:
        return self.build()

    def seen(self, path: pathlib.Path, saved: Any = None) -> Observation:
        """What was seen of the checkpoint at ``path``. ``saved`` is the object that was saved, if it was in this process."""
        try:
            loaded = self.load(path)
            if saved is not None and not self.is_model and attempt("load", inspected, same_object, loaded, saved):
                return Observation(unreadable=SAME_OBJECT)
            return Observation(differences=tuple(self.differences(loaded)))
        except Failed as failed:
            return failed.seen


def any_of(subjects: Sequence[Subject], path: pathlib.Path) -> Observation:
    """What was seen of a checkpoint that may be any of ``subjects``, which have the same structure: the differences to the nearest."""
    try:
        loaded = subjects[0].load(path)
        found = [subject.differences(loaded) for subject in subjects]
    except Failed as failed:
        return failed.seen
    nearest = min(found, key=lambda each: (max((difference.verdict.severity for difference in each), default=0), len(each)))
    return Observation(differences=tuple(nearest))
