"""One trial: build what a spec describes, save it, load it, and note what was seen. Facts only; nothing is judged here.

The expected object is built anew from the spec after saving, so it is never the one that `save` had in its hands.
"""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import random
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .backends import get_backend
from .backends.base import Backend, CannotBuild
from .backends.payload import logical_words
from .backends.trees import build_tree
from .compare import differences, same_object, tensors_in
from .formats.base import Format
from .specs import DTYPES, Fill, ModelSpec, Spec, TensorSpec, other_values, payload_of, tensor_specs_in
from .verdicts import Difference, Observation
from .words import equal

NOTHING_WRITTEN = "save returned, and nothing stands at the path that it was given"
_INPUTS = Fill(seed=1)
#: What a user's function may raise that is about the run, and says nothing of the format.
_RUN_ITSELF = (
    KeyboardInterrupt,
    GeneratorExit,
    pytest.skip.Exception,
    pytest.fail.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
)
#: What colours a terminal has in the messages of some frameworks.
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


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
        if self.format.save is None and not isinstance(spec, ModelSpec):
            return Observation(skipped="the format has no save and load for trees, only for models")
        try:
            with self.scope(), self.fresh_path() as path:
                return self._model(spec, path) if isinstance(spec, ModelSpec) else self._tree(spec, path, limit)
        except CannotBuild as error:
            return Observation(skipped=str(error))

    def _tree(self, spec: Spec, path: pathlib.Path, limit: Callable[[int], int] | None) -> Observation:
        assert self.format.save is not None
        assert self.format.load is not None
        saved = build_tree(spec, self.backend)
        if why := self._not_held(spec, saved):
            return Observation(skipped=why)
        if failed := self._save(self.format.save, saved, path):
            return failed
        size = size_on_disk(path)
        if size is None:
            return Observation(unreadable=NOTHING_WRITTEN)
        expected = build_tree(spec, self.backend)
        arguments: tuple[Any, ...] = ()
        if self.format.template:
            template = self._template(spec, expected)
            if template is None:
                return Observation(skipped="no template with other values than these can be made, so nothing would be shown")
            arguments = (template,)
        loaded, failed = _attempt("load", self.format.load, path, *arguments)
        if failed:
            return failed
        very_same, failed = _attempt("load", _inspected, same_object, loaded, saved)
        if failed:
            return failed
        if very_same:
            return Observation(unreadable="load returned the very object that was saved, which shows nothing about the file")
        found, failed = _attempt("load", _inspected, differences, loaded, expected)
        if failed:
            return failed
        excess = None
        if limit is not None and size > (allowed := limit(payload_of(spec))):
            excess = f"{size} bytes on disk for {payload_of(spec)} bytes of values; {allowed} would be agreed to"
        return Observation(differences=tuple(found), excess=excess)

    def _save(self, save: Callable[[Any, Any], Any], saved: Any, path: pathlib.Path) -> Observation | None:
        result, failed = _attempt("save", save, saved, path)
        if failed is None and self.format.wait is not None:
            _, failed = _attempt("save", self.format.wait, result)
        return failed

    def _not_held(self, spec: Spec, built: Any) -> str | None:
        """Why the framework itself does not hold what the format would be asked to keep; None if it does."""
        for tensor in tensor_specs_in(spec):
            if tensor in self._held or tensor.traits:
                continue
            reading = self.backend.read(self.backend.build(tensor))
            row = DTYPES[tensor.dtype]
            if reading.words is not None and not (reading.shape == tensor.shape and equal(reading.words, logical_words(tensor), row)):
                return f"{self.backend.name} itself does not hold the bits of {tensor!r}"
            self._held.add(tensor)
        return None

    def _template(self, spec: Spec, expected: Any) -> Any:
        """A tree of the same structure in which every tensor has other values; failing that, one; None where none can."""
        wanted = sum(1 for tensor in tensors_in(expected) if 0 not in self.backend.read(tensor).shape)
        best, most = None, 0
        for attempt in range(1, 20):
            template = build_tree(other_values(spec, attempt), self.backend)
            paths = {each.path for each in differences(template, expected) if each.aspect in ("values", "nan-payload")}
            if len(paths) > most:
                best, most = template, len(paths)
            if most >= wanted > 0:
                break
        return best

    def _model(self, spec: ModelSpec, path: pathlib.Path) -> Observation:
        backend = self.backend
        model, clone = backend.build_model(spec), backend.build_model(other_model(spec))
        expected = backend.build_model(spec)
        before = backend.model_state(clone)
        if not differences(before, backend.model_state(expected)):
            return Observation(skipped="the clone does not differ from the model, so nothing would be shown")
        if self.format.save_model is not None and self.format.load_model is not None:
            if failed := self._save(self.format.save_model, model, path):
                return failed
            if size_on_disk(path) is None:
                return Observation(unreadable=NOTHING_WRITTEN)
            arguments = () if self.format.whole_model else (clone,)
            returned, failed = _attempt("load", self.format.load_model, path, *arguments)
            if failed:
                return failed
            if returned is model:
                return Observation(unreadable="load_model returned the very model that was saved")
            # Loading in place returns nothing, or something else, such as the framework's report of names.
            clone = returned if self.format.whole_model or isinstance(returned, type(clone)) else clone
        else:
            assert self.format.save is not None
            assert self.format.load is not None
            if failed := self._save(self.format.save, backend.model_state(model), path):
                return failed
            if size_on_disk(path) is None:
                return Observation(unreadable=NOTHING_WRITTEN)
            arguments = (before,) if self.format.template else ()
            state, failed = _attempt("load", self.format.load, path, *arguments)
            if failed:
                return failed
            _, failed = _attempt("load", backend.load_model_state, clone, state)
            if failed:
                return failed
        found, failed = _attempt("load", _inspected, self._model_differences, clone, expected, spec)
        return failed or Observation(differences=tuple(found))

    def _model_differences(self, clone: Any, expected: Any, spec: ModelSpec) -> list[Difference]:
        """State first, then outputs: where the state differs, that the outputs do is no news."""
        backend = self.backend
        found = differences(backend.model_state(clone), backend.model_state(expected))
        if found:
            return found
        inputs = backend.build(TensorSpec("float32", (2, spec.inputs), fill=_INPUTS))
        return differences({"outputs": backend.run_model(clone, inputs)}, {"outputs": backend.run_model(expected, inputs)})


def other_model(spec: ModelSpec) -> ModelSpec:
    """The same network with other parameters."""
    return ModelSpec(spec.layers, spec.inputs, spec.seed % ((1 << 64) - 1) + 1)


def emptied(folder: pathlib.Path, tries: int = 20) -> bool:
    """Removes what is in a folder, also while a thread that a failed save has left behind is still at work in it."""
    for _ in range(tries):
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    entry.unlink()
        if not any(folder.iterdir()):
            return True
        time.sleep(0.01)
    return False


def size_on_disk(path: pathlib.Path) -> int | None:
    """The bytes of everything that a format owns: the path, and names that begin with it. None if there is nothing."""
    owned = [entry for entry in path.parent.iterdir() if entry.name.startswith(path.name)]
    if not owned:
        return None
    files = [file for entry in owned for file in ([entry] if entry.is_file() else entry.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file())


class CannotInspect(Exception):
    """What came back cannot be looked at: it is closed, deleted, or raises from its own methods."""


def _inspected(look: Callable[..., Any], came: Any, *others: Any) -> Any:
    try:
        return look(came, *others)
    except Exception as error:
        raise CannotInspect(f"what load returned cannot be looked at: {type(error).__name__}: {error}") from error


def _attempt(stage: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Observation | None]:
    """Calls the user's function; an exception becomes a fact, but for those that mean the run itself."""
    try:
        return function(*arguments), None
    except _RUN_ITSELF:
        raise
    except SystemExit as error:
        return None, Observation(crashed=f"{stage} ended the process: SystemExit({error.code!r})")
    except BaseException as error:
        if type(error).__module__ == "hypothesis.errors":  # its own signals, where a user's function draws something
            raise
        text = _said(error, arguments)
        return None, Observation(refused=text) if stage == "save" else Observation(unreadable=text)


def _said(error: BaseException, arguments: tuple[Any, ...], limit: int = 400) -> str:
    """The exception in words, without the names of folder and file, which are others every time."""
    text = " ".join(_ESCAPES.sub("", f"{type(error).__name__}: {error}").split())
    for argument in arguments:
        if isinstance(argument, pathlib.Path):
            text = text.replace(str(argument.parent), "<folder>").replace(argument.name, argument.name.split("-", 1)[-1])
    return text if len(text) <= limit else f"{text[:limit]}…"
