"""The context of a run: one format in one folder, its settings, its workers, and the caches that examples share.

A context knows no procedure and no family, so the functions of every family can receive one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import os
import pathlib
import shutil
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from ..backends import get_backend, get_models
from ..backends.base import Backend
from ..formats.base import Format
from ..specs import Fill, LayerSpec, ModelSpec, Spec, TensorSpec
from ..workers import Workers
from .checkpoint_files import empty_folder
from .process_state import SET, SHARED, put_back, state_of
from .remote import Remote
from .subject import Subject

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclasses.dataclass(frozen=True, eq=False)
class CacheKey(Generic[_Key, _Value]):
    """Names one cache of a context, and the types of its keys and values. A module creates its own at import."""

    name: str


class Context:
    """One format in one folder.

    Use it as a context manager: on exit it ends the workers that it started. Workers that are passed in belong to the caller.
    """

    def __init__(self, format: Format, folder: pathlib.Path, workers: Workers | None = None) -> None:
        self.format = format
        self.folder = folder
        self.backend: Backend = get_backend(format.backend)
        #: The state of the process before the format was used.
        self.initial_state = state_of(SET)
        #: Tensors whose bits the framework itself is known to hold.
        self.held_tensors: set[TensorSpec] = set()
        self._workers = workers
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count()
        self._current: pathlib.Path | None = None
        self._subjects: dict[Spec, Subject] = {}
        self._caches: dict[CacheKey[Any, Any], dict[Any, Any]] = {}

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def cache(self, key: CacheKey[_Key, _Value]) -> dict[_Key, _Value]:
        """Return the cache that ``key`` names. It lives as long as the context."""
        return cast("dict[_Key, _Value]", self._caches.setdefault(key, {}))

    @functools.cached_property
    def remote(self) -> Remote:
        """The format's workers. A worker starts when it is first needed."""
        folder = self.folder / "workers"
        folder.mkdir(exist_ok=True)
        workers = self._workers or self._stack.enter_context(Workers(folder))
        return Remote(self.format, workers, folder, answer, warm_up)

    @property
    def timeouts(self) -> int:
        """The number of calls in workers that timed out so far."""
        return self.remote.timeouts if "remote" in vars(self) else 0

    @property
    def hopeless(self) -> bool:
        """Whether no worker survived any of its calls."""
        return "remote" in vars(self) and self.remote.hopeless

    @contextlib.contextmanager
    def fresh_path(self) -> Iterator[pathlib.Path]:
        """Give a path that was never used before, in an empty folder, and remove everything in it on exit.

        All examples share one folder, because to create and remove one for each takes longer than most examples. A new folder
        is created only after something could not be removed.
        """
        if self._current is None:
            self._current = self.folder / f"{next(self._numbers)}"
            self._current.mkdir()
        folder = self._current
        try:
            yield folder / f"{next(self._numbers)}-checkpoint{self.format.suffix}"
        finally:
            if not empty_folder(folder):
                self._current = None

    def fresh_folder(self) -> pathlib.Path:
        """Return a new folder that exists until the context is closed."""
        folder = self.folder / f"kept-{next(self._numbers)}"
        folder.mkdir()
        return folder

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """Apply the settings under which objects are built and compared.

        Warnings are ignored, because they are no verdict here. What a library does to the current directory, the umask, Python's
        generator and the standard streams is undone, because they belong to the user.
        """
        with warnings.catch_warnings(), put_back(SHARED), self.backend.scope():
            warnings.simplefilter("ignore")
            yield

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Apply the settings under which objects are saved and loaded: `settings`, and the format's own context."""
        with self.settings(), self.format.context() if self.format.context else contextlib.nullcontext():
            yield

    def subject(self, spec: Spec | None) -> Subject:
        """Return the object that a scenario saves. The same spec gives the same subject, so its expected value is built once."""
        assert spec is not None
        if spec not in self._subjects:
            self._subjects[spec] = Subject(self.format, self.backend, spec)
        return self._subjects[spec]


@dataclasses.dataclass(frozen=True)
class Workspace:
    """Where one example runs: a fresh ``path`` in an otherwise empty folder.

    ``size_limit`` gives the bytes on disk that are allowed for so many bytes of values. ``keep_in`` is the folder to which the files
    are copied for inspection, if they are wanted.
    """

    context: Context
    path: pathlib.Path
    size_limit: Callable[[int], int] | None = None
    keep_in: pathlib.Path | None = None

    @property
    def folder(self) -> pathlib.Path:
        return self.path.parent

    @property
    def format(self) -> Format:
        return self.context.format

    @property
    def remote(self) -> Remote:
        return self.context.remote

    def subject(self, spec: Spec | None) -> Subject:
        return self.context.subject(spec)

    def keep(self, folder: pathlib.Path | None = None) -> None:
        """Copy the files of ``folder`` (default: this one's) for inspection, if they are wanted.

        Call it when the files are as the loader finds them. A later call replaces the copy.
        """
        if self.keep_in is not None:
            shutil.rmtree(self.keep_in, ignore_errors=True)
            shutil.copytree(folder or self.folder, self.keep_in, symlinks=True)

    def private_folder(self) -> pathlib.Path:
        """Create a folder with a name that was never used before, for checkpoints whose names the procedure chooses."""
        folder = self.folder / self.path.name.split("-", 1)[0]
        folder.mkdir()
        return folder


#: In a worker: the context of each format that it has received. The formats are kept, so that an id stays unique.
_CONTEXTS: dict[int, tuple[Format, Context]] = {}


def answer(format: Format, folder: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """In a worker: return ``function(context, *arguments)``."""
    if id(format) not in _CONTEXTS:
        own = pathlib.Path(folder) / f"process-{os.getpid()}-{len(_CONTEXTS)}"
        own.mkdir()
        _CONTEXTS[id(format)] = (format, Context(format, own))
    return function(_CONTEXTS[id(format)][1], *arguments)


def warm_up(context: Context) -> None:
    """Use the framework once, in a worker, so that no later call pays for imports and start-up."""
    with context.scope():
        context.backend.read(context.backend.build(TensorSpec("float32", (2,), fill=Fill(1))))
        models = get_models(context.backend.name)
        if context.format.save is None and models is not None:
            models.build(ModelSpec((LayerSpec("dense", 2),), (2,)))
