"""A crash while something is saved: what saving does to the disk is recorded once, and what a crash can leave of it is put there again,
for a worker to load. Facts only; nothing is judged here."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import pathlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...compare.models import model_differences
from ...compare.trees import differences
from ...crash_model import (
    CannotFollow,
    CannotTrace,
    DiskState,
    History,
    LostPart,
    ProcessState,
    Recorder,
    describe,
    files_after,
    kill_states,
    marked_section,
    power_failure_states,
    write_files,
)
from ...specs import CrashState, CrashSweep, Spec
from ...verdicts import Observation
from ...workers import WorkerDied
from ..model import models_for
from ..observations import is_whole, told
from ..registry import Workspace
from ..subject import Subject, any_of
from ..user_code import Failed, attempt, emptied, inspected

if TYPE_CHECKING:
    from ..dispatch import Context

#: A record of threads that work side by side may come out in an order in which nothing can be followed.
_TRIES = 2
REFUSES = "the format does not save over what is there, so it was asked in an empty place"


@dataclasses.dataclass
class Recorded:
    """``saved`` was saved at ``path`` where ``old`` stood, or nothing. ``refused`` is what save said that does not save over ``old``."""

    path: pathlib.Path
    saved: Spec
    old: Spec | None
    history: History
    refused: str | None = None

    @property
    def folder(self) -> pathlib.Path:
        return self.path.parent

    @property
    def name(self) -> str:
        return self.path.name.split("-", 1)[-1]

    def wanted(self, durable: bool = False) -> list[Spec]:
        """What may come back, the nearest first."""
        return [self.saved] if durable or self.old is None else [self.saved, self.old]

    def put(self, state: DiskState) -> None:
        emptied(self.folder)
        write_files(self.folder, files_after(self.history, state))

    def leaves_something(self, state: DiskState) -> bool:
        """Whether something stands there, over an old checkpoint, that stands there neither before nor after a save."""
        ends = (files_after(self.history, DiskState(after)) for after in (0, len(self.history.operations)))
        return self.old is not None and not files_after(self.history, state).keys() <= set[str]().union(*ends)

    def has_nothing(self, state: DiskState) -> bool:
        """Whether nothing stands at the path, so that there is nothing to ask."""
        return not any(name.startswith(self.path.name) for name in files_after(self.history, state))


def crash_states(stage: Workspace, spec: CrashSweep) -> Iterable[Spec]:
    """One spec for each state that the crash can leave. Raises Failed where saving cannot be recorded."""
    recorded = _recorded(stage, spec)
    history = recorded.history
    if spec.kind == "durable":
        states = power_failure_states(history, returned=True)
    elif spec.kind == "new-path":
        states = list(dict.fromkeys([*kill_states(history), *power_failure_states(history)]))
    else:
        states = kill_states(history) if spec.kind == "kill" else power_failure_states(history)
    if recorded.old is None and spec.kind != "durable":
        states = [state for state in states if not recorded.has_nothing(state)]
    return [
        CrashState(spec.kind, spec.saved, spec.old, state.done, tuple((each.number, each.part, each.position) for each in state.lost))
        for state in states
    ]


def crashing(stage: Workspace, spec: CrashSweep) -> Observation:
    """Why a crash cannot be told apart into the states that it leaves. Raises Failed."""
    _recorded(stage, spec)
    return Observation(skipped="saving does nothing to the disk, so there is nothing that a crash could leave")


def crashed(stage: Workspace, spec: CrashState) -> Observation:
    """What a worker loads where the crash has left this state. Raises Failed."""
    recorded = _recorded(stage, spec)
    state = DiskState(spec.after, tuple(LostPart(*loss) for loss in spec.lost))
    if state.done > len(recorded.history.operations):
        return Observation(skipped=f"saving does {len(recorded.history.operations)} operations to the disk here, not {state.done}")
    recorded.put(state)
    dataclasses.replace(stage, path=recorded.path).leave()
    empty = recorded.old is None and spec.kind != "durable"
    seen = nothing_lost(_loaded(stage, recorded, recorded.wanted(spec.kind == "durable"), empty), empty)
    where = describe(recorded.history, state, returned=spec.kind == "durable")
    if seen.differences and recorded.old is not None and is_whole(stage.away.observe(whole, [recorded.old], str(recorded.path), False)):
        where += ": the old checkpoint is there, and not the new one"
    if is_whole(seen) and spec.kind == "kill" and recorded.leaves_something(state):
        seen = _saved_again(stage, recorded, state)
        where += ", and then saved again"
    if is_whole(seen):
        return dataclasses.replace(seen, note=REFUSES) if recorded.refused is not None else seen
    return told(seen, where)


def _saved_again(stage: Workspace, recorded: Recorded, state: DiskState) -> Observation:
    """What a worker sees that saves where something is left over, and loads that; if it has trouble, a fresh one."""
    seen, known = stage.away.observe(saved_and_seen, recorded.saved, str(recorded.path)), confirmed(stage)
    if is_whole(seen) or "saving again" in known:
        return seen
    stage.away.end()
    recorded.put(state)
    again = stage.away.observe(saved_and_seen, recorded.saved, str(recorded.path))
    if not is_whole(again):
        known.add("saving again")
    return again


def _loaded(stage: Workspace, recorded: Recorded, wanted: list[Spec], empty: bool) -> Observation:
    """What a worker sees. What it cannot load a fresh one is asked to load as well, until one has had the same trouble: a library may
    be left in disorder by the damaged files that it read before."""

    def ask() -> Observation:
        return stage.away.observe(whole, wanted, str(recorded.path), empty)

    seen = ask()
    trouble, known = trouble_in(nothing_lost(seen, empty)), confirmed(stage)
    if trouble in ("", "crashed", *known):
        return seen
    stage.away.end()
    again = ask()
    if trouble_in(again) == trouble:
        known.add(trouble)
    return again


def trouble_in(seen: Observation) -> str:
    """What was wrong, in a word; empty if nothing was."""
    if is_whole(seen):
        return ""
    return next((name for name in ("unsafe", "refused", "crashed", "unreadable") if getattr(seen, name) is not None), "differences")


def confirmed(stage: Workspace) -> set[str]:
    """The kinds of trouble that a fresh process has had with a damaged checkpoint as one had that had read others before."""
    found: set[str] = stage.trials.kept.setdefault("confirmed", set())
    return found


def nothing_lost(seen: Observation, empty: bool) -> Observation:
    """Where nothing had been, an error says so, and is right."""
    return Observation(note=f"loading says so: {seen.unreadable}") if empty and seen.unreadable is not None else seen


def whole(trials: Context, wanted: list[Spec], path: str, empty: bool) -> Observation:
    """Asked in a worker: whether what loads is one of ``wanted``; in an ``empty`` place also whether it is what a loader gives that
    finds nothing there."""
    with trials.scope():
        subjects = [trials.subject(spec) for spec in wanted]
        with _nothing_left():
            seen = any_of(subjects, pathlib.Path(path))
            if empty and seen.differences and _is_nothing(subjects[0], pathlib.Path(path)):
                seen = Observation(note="what loads is what loads where nothing stands")
        return seen


@contextlib.contextmanager
def _nothing_left() -> Iterator[None]:
    """Files that a failed load leaves open in its wreckage are closed, before others stand in their place. Only what is new is looked
    through: all that a framework holds would take longer than most loads."""
    gc.freeze()
    try:
        yield
        gc.collect()
    finally:
        gc.unfreeze()


def _is_nothing(subject: Subject, path: pathlib.Path) -> bool:
    """Whether what loads from a path is what loads where nothing stands."""
    try:
        loaded, nothing = subject.load(path), subject.load(path.with_name(f"nothing-{path.name}"))
        if subject.is_model:
            return not attempt("load", inspected, model_differences, loaded, nothing, models_for(subject.backend))
        return not attempt("load", inspected, differences, loaded, nothing)
    except Failed:
        return False


def _recorded(stage: Workspace, spec: CrashSweep | CrashState) -> Recorded:
    """The record of this save, made once; what it cannot be made for is remembered as well. Raises Failed."""
    old = None if spec.kind == "new-path" else spec.old
    key = ("crash", spec.saved, old)
    kept = stage.trials.kept
    if key not in kept:
        try:
            kept[key] = _record(stage, spec.saved, old)
        except Failed as failed:
            kept[key] = failed
    if isinstance(kept[key], Failed):
        raise kept[key]
    recorded: Recorded = kept[key]
    return recorded


def _record(stage: Workspace, saved: Spec, old: Spec | None, refused: str | None = None) -> Recorded:
    for last in (False, True):
        try:
            return _record_once(stage, saved, old, refused)
        except CannotFollow as error:
            if last:
                raise Failed(Observation(skipped=f"what saving does to the disk could not be recorded: {error}")) from None
    raise AssertionError


def _record_once(stage: Workspace, saved: Spec, old: Spec | None, refused: str | None) -> Recorded:
    folder = stage.trials.fresh_folder()
    path = folder / f"0-checkpoint{stage.trials.format.suffix}"
    try:
        worker = stage.away.worker("traced")
    except CannotTrace as error:
        raise Failed(Observation(skipped=str(error))) from None
    except WorkerDied as died:
        raise Failed(Observation(skipped=f"the framework cannot be loaded in a process that strace traces: {died}")) from None
    if old is not None:
        stage.away.ask(save_it, old, str(path), role="traced")
    recorder = Recorder(worker, folder)
    state, failed = stage.away.ask(save_marked, saved, str(path), role="traced")
    if failed is not None and failed.refused is not None and old is not None:
        return _record(stage, saved, None, failed.refused)
    if failed is not None:
        raise Failed(failed)
    history = recorder.history(state, lambda name: name.replace(path.name, path.name.split("-", 1)[-1]))
    recorded = Recorded(path, saved, old, history, refused)
    _check(stage, recorded)
    return recorded


def _check(stage: Workspace, recorded: Recorded) -> None:
    """What was saved, untouched, has to load where it is put back; else nothing that loads there says anything. Raises Failed."""
    for spec, after in ((recorded.old, 0), (recorded.saved, len(recorded.history.operations))):
        if spec is None:
            continue
        recorded.put(DiskState(after))
        seen = stage.away.observe(whole, [spec], str(recorded.path), False)
        if seen.skipped is not None:
            raise Failed(seen)
        if not is_whole(seen):
            words = seen.crashed or seen.unreadable or "\n".join(map(str, seen.differences))
            raise Failed(Observation(skipped=f"a copy of the finished checkpoint, put back where it was, does not load: {words}"))


def saved_and_seen(trials: Context, spec: Spec, path: str) -> Observation:
    """Asked in a worker: saves, loads, and compares. Raises Failed."""
    with trials.scope():
        subject = trials.subject(spec)
        subject.save(pathlib.Path(path))
        return subject.seen(pathlib.Path(path))


def save_it(trials: Context, spec: Spec, path: str) -> None:
    """Asked in a worker: saves."""
    with trials.scope():
        trials.subject(spec).save(pathlib.Path(path))


def save_marked(trials: Context, spec: Spec, path: str) -> tuple[ProcessState, Observation | None]:
    """Asked in a traced worker: saves, between marks; what was seen if that failed."""
    with trials.scope():
        subject = trials.subject(spec)
        thing = subject.build()
        with marked_section() as state:
            try:
                subject.save(pathlib.Path(path), thing)
            except Failed as failed:
                return state, failed.seen
        return state, None
