"""One trial: build what a spec describes, save it, load it, and note what was seen. Facts only; nothing is judged here.

The expected object is built anew from the spec after saving, so it is never the one that `save` had in its hands.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import pathlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..backends import get_backend, get_models
from ..backends.base import Backend, CannotBuild
from ..formats.base import Format
from ..specs import (
    AttackCase,
    AttackSweep,
    CrashState,
    CrashSweep,
    DamageCase,
    DamageSweep,
    Fill,
    InterruptCase,
    InterruptSweep,
    LayerSpec,
    LoadInto,
    Mismatch,
    ModelSpec,
    NamedScenario,
    NarrowLoad,
    PartialLoad,
    Spec,
    TensorSpec,
    TrainingSpec,
)
from ..verdicts import Observation
from ..workers import CannotSerialize, WorkerDied, Workers
from .corruption.damage import damaged, damaged_ways, no_ways
from .crash.crash_states import crash_states, crashed, crashing
from .crash.interrupt import interrupted, interrupting, interrupts
from .mismatch import try_misfit, try_narrow, try_partial
from .model import try_model
from .process_state import SET, SHARED, put_back, state_of
from .registry import Play, Workspace, direction_of
from .remote import Remote
from .security.attack_runs import attacked, attacked_ways, no_attacks
from .subject import Subject
from .training import try_training
from .tree import try_tree
from .user_code import NOTHING_WRITTEN, Failed, emptied, size_on_disk


class Context:
    """Runs trials of one format in one folder, each under a name of its own, of which nothing is left afterwards.

    A context manager: the workers that it has started are gone when it is left. ``workers`` are those of somebody else, who ends them.
    """

    def __init__(self, format: Format, folder: pathlib.Path, workers: Workers | None = None) -> None:
        self.format = format
        self.folder = folder
        self.backend: Backend = get_backend(format.backend)
        #: What scenarios keep from one example to the next: intact checkpoints, recordings.
        self.kept: dict[Any, Any] = {}
        #: What the process was like before the format was used.
        self.before = state_of(SET)
        #: Where the files of a scenario are left for inspection, if anywhere.
        self.leave_in: pathlib.Path | None = None
        self._workers = workers
        self._own = contextlib.ExitStack()
        self._numbers = itertools.count()
        self._place: pathlib.Path | None = None
        self._held: set[TensorSpec] = set()
        self._subjects: dict[Spec, Subject] = {}

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *exception: object) -> None:
        self._own.close()

    @functools.cached_property
    def away(self) -> Remote:
        """The format's workers; none is started before it is asked something."""
        folder = self.folder / "workers"
        folder.mkdir(exist_ok=True)
        return Remote(self.format, self._workers or self._own.enter_context(Workers(folder)), folder)

    @property
    def hung(self) -> int:
        """How many questions that went to a worker have hung so far."""
        return self.away.hung if "away" in vars(self) else 0

    @property
    def hopeless(self) -> bool:
        """Whether every process that was asked anything has died of it."""
        return "away" in vars(self) and self.away.hopeless

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

    def fresh_folder(self) -> pathlib.Path:
        """A new folder that stays until the run is over."""
        folder = self.folder / f"kept-{next(self._numbers)}"
        folder.mkdir()
        return folder

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """The settings under which trees are built and compared. Warnings are no verdict here, whatever filters the process has, and
        random numbers that a library draws are not the user's, nor is where it leaves the current directory and the like."""
        with warnings.catch_warnings(), put_back(SHARED), self.backend.scope():
            warnings.simplefilter("ignore")
            yield

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """The settings under which things are saved and loaded: those, and the format's own context."""
        with self.settings(), self.format.context() if self.format.context else contextlib.nullcontext():
            yield

    def subject(self, spec: Spec) -> Subject:
        """What a scenario saves; the same each time, so that what is compared with is built once."""
        if spec not in self._subjects:
            self._subjects[spec] = Subject(self.format, self.backend, spec)
        return self._subjects[spec]

    def warm(self) -> None:
        """Uses the framework once."""
        self.backend.read(self.backend.build(TensorSpec("float32", (2,), fill=Fill(1))))
        models = get_models(self.backend.name)
        if self.format.save is None and models is not None:
            models.build(ModelSpec((LayerSpec("dense", 2),), (2,)))

    def variants(self, spec: Spec) -> Iterable[Spec]:
        """The examples that one example stands for, where that is known only when a checkpoint is there: each way to damage it."""
        expand = _VARIANTS.get(type(spec))
        if expand is None or self.format.unsupported(spec):
            return (spec,)
        try:
            with self.settings(), self.fresh_path() as path:
                return expand(Workspace(self, path), spec)
        except (CannotBuild, CannotSerialize, WorkerDied, Failed):
            return (spec,)  # running it tells why

    def run(self, spec: Spec, limit: Callable[[int], int] | None = None, apart: bool = False) -> Observation:
        """Saves and loads what ``spec`` describes; ``limit`` gives the bytes on disk that a payload may take, ``apart`` asks a worker."""
        if why := self.format.unsupported(spec):
            return Observation(skipped=why)
        direction = direction_of(spec) if isinstance(spec, NamedScenario) else None
        play: Play | None = direction.play if direction and direction.across else _ACROSS.get(type(spec))
        role = direction.role if direction else None
        limits: dict[str, Any] = {}
        if direction is not None:
            limits = {"memory": direction.memory, "seconds": direction.patience * self.format.time_limit}
        try:
            if play is not None:
                with self.settings(), self.fresh_path() as path:
                    return play(Workspace(self, path), spec)
            if apart or role:
                return self.away.observe(_tried_there, spec, limit, role=role or "plain", **limits)
            return self.tried(spec, limit)
        except (CannotBuild, CannotSerialize) as error:
            return Observation(skipped=str(error))
        except WorkerDied as died:
            return Observation(crashed=str(died))
        except Failed as failed:
            return failed.seen

    def tried(self, spec: Spec, limit: Callable[[int], int] | None) -> Observation:
        """The trial, in this process. Raises CannotBuild and Failed."""
        with self.scope():
            if isinstance(spec, Mismatch):
                return try_misfit(self.format, self.backend, spec, self.fresh_path)
            with self.fresh_path() as path:
                if isinstance(spec, NamedScenario):
                    return direction_of(spec).play(Workspace(self, path), spec)
                if isinstance(spec, ModelSpec | LoadInto):
                    return try_model(self.format, self.backend, spec, path)
                if isinstance(spec, PartialLoad):
                    return try_partial(self.format, self.backend, spec, path)
                if isinstance(spec, NarrowLoad):
                    return try_narrow(self.format, self.backend, spec, path)
                if isinstance(spec, TrainingSpec):
                    return try_training(self.format, self.backend, spec, self.fresh_path)
                return try_tree(self.format, self.backend, spec, path, limit, self._held)


def _tried_there(trials: Context, spec: Spec, limit: Callable[[int], int] | None) -> Observation:
    return trials.tried(spec, limit)


#: By the type of a spec: what plays it by asking workers, and what other examples it stands for.
_ACROSS: dict[type[Spec], Play] = {
    CrashSweep: crashing,
    CrashState: crashed,
    InterruptSweep: interrupting,
    InterruptCase: interrupted,
    DamageSweep: no_ways,
    DamageCase: damaged,
    AttackSweep: no_attacks,
    AttackCase: attacked,
}
_VARIANTS: dict[type[Spec], Callable[[Workspace, Any], Iterable[Spec]]] = {
    CrashSweep: crash_states,
    InterruptSweep: interrupts,
    DamageSweep: damaged_ways,
    AttackSweep: attacked_ways,
}

__all__ = ["NOTHING_WRITTEN", "Context", "size_on_disk"]
