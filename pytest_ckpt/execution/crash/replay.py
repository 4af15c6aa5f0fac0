"""Replay crashes: record once what a save does to the disk, create each state that a crash can leave, and load it in a worker."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import pathlib
from collections.abc import Iterable, Iterator

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
from .. import questions
from ..checkpoint_files import display_name, empty_folder
from ..context import CacheKey, Context, Workspace
from ..model_io import models_for
from ..observations import is_restored, located_at
from ..remote import Role
from ..subject import Subject, compare_with_nearest
from ..user_code import EarlyResult, call_user_code, inspect_loaded

#: Threads that write at the same time may be recorded in an order that cannot be followed, so recording is tried again.
_TRIES = 2
REFUSES = "the format does not overwrite a checkpoint, so it was checked in an empty location"


@dataclasses.dataclass
class Recording:
    """What a save of ``saved`` at ``path``, over ``old`` or in an empty location, did to the disk.

    ``refused`` is the error of a save that does not overwrite ``old``.
    """

    path: pathlib.Path
    saved: Spec
    old: Spec | None
    history: History
    refused: str | None = None

    @property
    def folder(self) -> pathlib.Path:
        return self.path.parent

    def write(self, state: DiskState) -> None:
        """Create the files of a state in the folder."""
        empty_folder(self.folder)
        write_files(self.folder, files_after(self.history, state))

    def has_new_names(self, state: DiskState) -> bool:
        """Return whether the state, over an old checkpoint, has names that exist neither before nor after the save."""
        ends = (files_after(self.history, DiskState(after)) for after in (0, len(self.history.operations)))
        return self.old is not None and not files_after(self.history, state).keys() <= set[str]().union(*ends)

    def has_nothing(self, state: DiskState) -> bool:
        """Return whether nothing exists at the path, so that nothing can be checked."""
        return not any(name.startswith(self.path.name) for name in files_after(self.history, state))


#: Recordings by the saved spec and the old one. An EarlyResult is the reason for a missing recording.
_RECORDINGS: CacheKey[tuple[Spec, Spec | None], Recording | EarlyResult] = CacheKey("recordings")
#: The kinds of failure that a fresh process has confirmed. See `confirmed_failures`.
_CONFIRMED: CacheKey[None, set[str]] = CacheKey("confirmed failures")


def expand(workspace: Workspace, sweep: CrashSweep) -> Iterable[Spec]:
    """Return one spec for each state that the crash can leave. Raise EarlyResult if the save cannot be recorded."""
    recording = _recording(workspace, sweep)
    history = recording.history
    if sweep.kind == "durable":
        states = power_failure_states(history, returned=True)
    elif sweep.kind == "new-path":
        states = list(dict.fromkeys([*kill_states(history), *power_failure_states(history)]))
    else:
        states = kill_states(history) if sweep.kind == "kill" else power_failure_states(history)
    if recording.old is None and sweep.kind != "durable":
        states = [state for state in states if not recording.has_nothing(state)]
    return [
        CrashState(sweep.kind, sweep.saved, sweep.old, state.done, tuple((each.number, each.part, each.position) for each in state.lost))
        for state in states
    ]


def run_sweep(workspace: Workspace, sweep: CrashSweep) -> Observation:
    """Return the reason why a crash leaves no states. Raise EarlyResult."""
    _recording(workspace, sweep)
    return Observation(skipped="save does nothing to the disk, so a crash can leave nothing")


def run_state(workspace: Workspace, spec: CrashState) -> Observation:
    """Load the state that a crash leaves. Raise EarlyResult."""
    recording = _recording(workspace, spec)
    state = DiskState(spec.after, tuple(LostPart(*loss) for loss in spec.lost))
    operations = len(recording.history.operations)
    if state.done > operations:
        return Observation(skipped=f"save does {operations} operations to the disk here, and the example needs {state.done}")
    recording.write(state)
    workspace.keep(recording.folder)
    empty = recording.old is None and spec.kind != "durable"
    allowed = [spec.saved] if spec.kind == "durable" or recording.old is None else [spec.saved, recording.old]
    observed = allow_error_if_empty(_load(workspace, recording, allowed, empty), empty)
    where = describe(recording.history, state, returned=spec.kind == "durable")
    if observed.differences and recording.old is not None and _holds_old(workspace, recording, recording.old):
        where += ": the old checkpoint is there, and not the new one"
    if is_restored(observed) and spec.kind == "kill" and recording.has_new_names(state):
        observed = _save_again(workspace, recording, state)
        where += ", and then saved again"
    if is_restored(observed):
        return dataclasses.replace(observed, limitation=REFUSES) if recording.refused is not None else observed
    return located_at(observed, where)


def _holds_old(workspace: Workspace, recording: Recording, old: Spec) -> bool:
    return is_restored(workspace.remote.observe(load_allowed, [old], str(recording.path), False))


def _save_again(workspace: Workspace, recording: Recording, state: DiskState) -> Observation:
    """Save and load in a worker where leftovers exist. If that fails, repeat it in a fresh worker."""
    confirmed = confirmed_failures(workspace)
    observed = workspace.remote.observe(questions.save_and_load, recording.saved, str(recording.path))
    if is_restored(observed) or "saving again" in confirmed:
        return observed
    workspace.remote.end()
    recording.write(state)
    again = workspace.remote.observe(questions.save_and_load, recording.saved, str(recording.path))
    if not is_restored(again):
        confirmed.add("saving again")
    return again


def _load(workspace: Workspace, recording: Recording, allowed: list[Spec], empty: bool) -> Observation:
    """Load in a worker. A failure of a kind that is not confirmed yet is repeated in a fresh worker.

    The damaged files that a library has read before may leave it in a bad state.
    """

    def load() -> Observation:
        return workspace.remote.observe(load_allowed, allowed, str(recording.path), empty)

    observed = load()
    failure, confirmed = kind_of_failure(allow_error_if_empty(observed, empty)), confirmed_failures(workspace)
    if failure in ("", "crashed", *confirmed):
        return observed
    workspace.remote.end()
    again = load()
    if kind_of_failure(again) == failure:
        confirmed.add(failure)
    return again


def kind_of_failure(observation: Observation) -> str:
    """Return the kind of failure as one word; an empty string if everything was restored."""
    if is_restored(observation):
        return ""
    return next((name for name in ("unsafe", "refused", "crashed", "unreadable") if getattr(observation, name) is not None), "differences")


def confirmed_failures(workspace: Workspace) -> set[str]:
    """Return the kinds of failure that a fresh process has shown as well as one that had read damaged files before."""
    return workspace.context.cache(_CONFIRMED).setdefault(None, set())


def allow_error_if_empty(observation: Observation, empty: bool) -> Observation:
    """Count an error on load as correct where no checkpoint existed before."""
    if empty and observation.unreadable is not None:
        return Observation(note=f"load reports it: {observation.unreadable}")
    return observation


def load_allowed(context: Context, allowed: list[Spec], path: str, empty: bool) -> Observation:
    """In a worker: load, and compare with the nearest of ``allowed``.

    With ``empty``, it is also correct to load what the loader returns for an empty location.
    """
    with context.scope():
        subjects = [context.subject(spec) for spec in allowed]
        with _collecting_garbage():
            observed = compare_with_nearest(subjects, pathlib.Path(path))
            if empty and observed.differences and _is_nothing(subjects[0], pathlib.Path(path)):
                observed = Observation(note="load returns the same as for an empty location")
        return observed


@contextlib.contextmanager
def _collecting_garbage() -> Iterator[None]:
    """Close files that a failed load leaves open, before others replace them.

    Only new objects are searched. To search everything that a framework holds would take longer than most loads.
    """
    gc.freeze()
    try:
        yield
        gc.collect()
    finally:
        gc.unfreeze()


def _is_nothing(subject: Subject, path: pathlib.Path) -> bool:
    """Return whether a path loads as an empty location does."""
    try:
        loaded, nothing = subject.load(path), subject.load(path.with_name(f"nothing-{path.name}"))
        if subject.is_model:
            return not call_user_code("load", inspect_loaded, model_differences, loaded, nothing, models_for(subject.backend))
        return not call_user_code("load", inspect_loaded, differences, loaded, nothing)
    except EarlyResult:
        return False


def _recording(workspace: Workspace, spec: CrashSweep | CrashState) -> Recording:
    """Return the recording of this save, which is made once. Raise EarlyResult if it cannot be made."""
    old = None if spec.kind == "new-path" else spec.old
    key = (spec.saved, old)
    cache = workspace.context.cache(_RECORDINGS)
    if key not in cache:
        try:
            cache[key] = _record(workspace, spec.saved, old)
        except EarlyResult as early:
            cache[key] = early
    found = cache[key]
    if isinstance(found, EarlyResult):
        raise found
    return found


def _record(workspace: Workspace, saved: Spec, old: Spec | None, refused: str | None = None) -> Recording:
    for attempt in range(1, _TRIES + 1):
        try:
            return _record_once(workspace, saved, old, refused)
        except CannotFollow as error:
            if attempt == _TRIES:
                text = f"what save does to the disk could not be recorded: {error}"
                raise EarlyResult(Observation(skipped=text)) from None
    raise AssertionError


def _record_once(workspace: Workspace, saved: Spec, old: Spec | None, refused: str | None) -> Recording:
    remote, folder = workspace.remote, workspace.context.fresh_folder()
    path = folder / f"0-checkpoint{workspace.format.suffix}"
    try:
        worker = remote.worker(Role.TRACED)
    except CannotTrace as error:
        raise EarlyResult(Observation(skipped=str(error))) from None
    except WorkerDied as died:
        raise EarlyResult(Observation(skipped=f"the framework does not start in a process that strace traces: {died}")) from None
    if old is not None:
        remote.ask(questions.save, old, str(path), role=Role.TRACED)
    recorder = Recorder(worker, folder)
    process_state, failed = remote.ask(save_marked, saved, str(path), role=Role.TRACED)
    if failed is not None and failed.refused is not None and old is not None:
        return _record(workspace, saved, None, failed.refused)
    if failed is not None:
        raise EarlyResult(failed)
    history = recorder.history(process_state, lambda name: name.replace(path.name, display_name(path.name)))
    recording = Recording(path, saved, old, history, refused)
    _check(workspace, recording)
    return recording


def _check(workspace: Workspace, recording: Recording) -> None:
    """Check that the states before and after the save load, or no other state proves anything. Raise EarlyResult."""
    for spec, after in ((recording.old, 0), (recording.saved, len(recording.history.operations))):
        if spec is None:
            continue
        recording.write(DiskState(after))
        observed = workspace.remote.observe(load_allowed, [spec], str(recording.path), False)
        if observed.skipped is not None:
            raise EarlyResult(observed)
        if not is_restored(observed):
            failure = observed.crashed or observed.unreadable or "\n".join(map(str, observed.differences))
            raise EarlyResult(
                Observation(skipped=f"a copy of the finished checkpoint, written back to its place, does not load: {failure}")
            )


def save_marked(context: Context, spec: Spec, path: str) -> tuple[ProcessState, Observation | None]:
    """In a traced worker: save between marks in the log. Return the open files, and the observation if the save raised."""
    with context.scope():
        subject = context.subject(spec)
        obj = subject.build()
        with marked_section() as process_state:
            try:
                subject.save(pathlib.Path(path), obj)
            except EarlyResult as early:
                return process_state, early.observation
        return process_state, None
