"""One trial: build what a spec describes, save it, load it, and note what was seen. Facts only; nothing is judged here.

The expected object is built anew from the spec after saving, so it is never the one that `save` had in its hands.
"""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import random
import warnings
from collections.abc import Callable, Iterator

from ..backends import get_backend
from ..backends.base import Backend, CannotBuild
from ..formats.base import Format
from ..specs import Into, Misfit, ModelSpec, Narrow, Partial, Spec, TensorSpec, TrainingSpec
from ..verdicts import Observation
from .base import NOTHING_WRITTEN, Failed, emptied, size_on_disk
from .misfits import try_misfit, try_narrow, try_partial
from .models import try_model
from .training import try_training
from .trees import try_tree


class Trials:
    """Runs trials of one format in one folder, each under a name of its own, of which nothing is left afterwards."""

    def __init__(self, format: Format, folder: pathlib.Path) -> None:
        self.format = format
        self.folder = folder
        self.backend: Backend = get_backend(format.backend)
        self._numbers = itertools.count()
        self._place: pathlib.Path | None = None
        self._held: set[TensorSpec] = set()

    @contextlib.contextmanager
    def fresh_path(self) -> Iterator[pathlib.Path]:
        """A name that was never used before, in a folder that holds nothing else. The folder is made anew only where
        something could not be removed: making and removing one for each trial takes longer than most trials."""
        if self._place is None:
            self._place = self.folder / f"{next(self._numbers)}"
            self._place.mkdir()
        try:
            yield self._place / f"{next(self._numbers)}-checkpoint{self.format.suffix}"
        finally:
            if not emptied(self._place):
                self._place = None

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """The settings under which trees are built, saved, loaded and compared. Warnings are no verdict here, whatever
        filters the process has, and random numbers that a library draws are not the user's."""
        state = random.getstate()
        context = self.format.context() if self.format.context else contextlib.nullcontext()
        try:
            with warnings.catch_warnings(), self.backend.scope(), context:
                warnings.simplefilter("ignore")
                yield
        finally:
            random.setstate(state)

    def run(self, spec: Spec, limit: Callable[[int], int] | None = None) -> Observation:
        """Saves and loads what ``spec`` describes; ``limit`` gives the bytes on disk that a payload may take."""
        if why := self.format.cannot_ask(spec):
            return Observation(skipped=why)
        try:
            with self.scope():
                return self._tried(spec, limit)
        except CannotBuild as error:
            return Observation(skipped=str(error))
        except Failed as failed:
            return failed.seen

    def _tried(self, spec: Spec, limit: Callable[[int], int] | None) -> Observation:
        if isinstance(spec, Misfit):
            return try_misfit(self.format, self.backend, spec, self.fresh_path)
        with self.fresh_path() as path:
            if isinstance(spec, ModelSpec | Into):
                return try_model(self.format, self.backend, spec, path)
            if isinstance(spec, Partial):
                return try_partial(self.format, self.backend, spec, path)
            if isinstance(spec, Narrow):
                return try_narrow(self.format, self.backend, spec, path)
            if isinstance(spec, TrainingSpec):
                return try_training(self.format, self.backend, spec, self.fresh_path)
            return try_tree(self.format, self.backend, spec, path, limit, self._held)


__all__ = ["NOTHING_WRITTEN", "Trials", "size_on_disk"]
