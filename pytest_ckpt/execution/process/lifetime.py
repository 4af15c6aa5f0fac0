"""Scenes of the family `process`, in one worker: what becomes of a checkpoint, and of what was loaded, when something else changes."""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...backends import owner_of
from ...compare.trees import is_leaf
from ...specs import ModelSpec, NamedScenario, Spec, payload_of
from ...verdicts import Observation
from ...workers.memory import peak_size, reset_peak, resident_size
from ..model import models_for
from ..registry import Workspace, plays
from ..subject import Subject
from ..user_code import Failed, attempt, emptied

if TYPE_CHECKING:
    from ..dispatch import Context

#: How often one thing is saved to see what stays, and after how many of them nothing more may.
SAVES, SETTLED = 200, 100
#: Bytes that the peak may be above the start, in payloads.
PEAK = 3
#: Bytes that no measurement of memory counts: headers, pages that are half used.
SLACK = 1 << 20
#: How often a peak is measured.
TRIES = 3


@plays("process/resave", role="plain")
def second_generation(stage: Workspace, scene: NamedScenario) -> Observation:
    """What was loaded is saved and loaded again."""
    subject = stage.subject(scene.saved)
    subject.save(stage.path)
    loaded = subject.load(stage.path)
    again = stage.path.with_name(f"2-{stage.path.name}")
    subject.save(again, loaded)
    for entry in stage.folder.iterdir():
        if entry.name.startswith(stage.path.name):  # nobody may need the first one any more
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    stage.leave()
    return subject.seen(again)


@plays("process/load-twice", role="plain")
def load_twice(stage: Workspace, scene: NamedScenario) -> Observation:
    """Two loads give two objects: what is done to the first shows neither in the second nor in the file."""
    subject = stage.subject(scene.saved)
    subject.save(stage.path)
    first, second = subject.load(stage.path), subject.load(stage.path)
    found = subject.differences(first) or subject.differences(second)
    if not found:
        alter(subject, first)
        found = subject.differences(second)
    return Observation(differences=tuple(found)) if found else subject.seen(stage.path)


@plays("process/delete-after-load", role="plain")
def delete_after_load(stage: Workspace, scene: NamedScenario) -> Observation:
    """What was loaded does not need the file any more."""
    subject = stage.subject(scene.saved)
    subject.save(stage.path)
    loaded = subject.load(stage.path)
    emptied(stage.folder)
    return Observation(differences=tuple(subject.differences(loaded)))


@plays("process/change-after-save", role="plain")
def change_after_save(stage: Workspace, scene: NamedScenario) -> Observation:
    """What is done to the tree after `save` has returned is not in the file, though it may still be at work."""
    subject = stage.subject(scene.saved)
    thing = subject.build()
    result = subject.start_saving(stage.path, thing)
    alter(subject, thing)
    if subject.format.wait is not None:
        attempt("save", subject.format.wait, result)
    stage.leave()
    return subject.seen(stage.path)


@plays("process/change-after-load", role="plain")
def change_after_load(stage: Workspace, scene: NamedScenario) -> Observation:
    """What was loaded stays as it is when something else is saved at the same path."""
    subject, other = stage.subject(scene.saved), stage.subject(scene.other)
    subject.save(stage.path)
    loaded = subject.load(stage.path)
    try:
        other.save(stage.path)
    except Failed:
        return Observation(skipped="save refuses to write over the checkpoint, so nothing can change below what was loaded")
    return Observation(differences=tuple(subject.differences(loaded)))


@plays("process/memory", role="plain", memory=4 << 30)
def memory(stage: Workspace, scene: NamedScenario) -> Observation:
    """The peak above the start, while saving and while loading, in payloads."""
    if not reset_peak() or not peak_size():
        return Observation(skipped="this machine does not say how much memory a process takes at its peak")
    small = stage.subject(scene.other)
    small.save(stage.path)  # what is imported, started and kept at first use is nobody's payload
    small.load(stage.path)
    emptied(stage.folder)
    subject = stage.subject(scene.saved)
    payload = payload_in(subject)
    saving = _saving(stage, subject)  # the last try of which is loaded
    loading = _peak(lambda clone: subject.load(stage.path, clone), subject.handed)
    for what, took in (("save", saving), ("load", loading)):
        if took > PEAK * payload + SLACK:
            excess = f"{what} took {took:,} bytes at its peak for {payload:,} bytes of values: {took / payload:.1f} times as much"
            return Observation(excess=f"{excess}; {PEAK} times are agreed to")
    return Observation(note=f"peaks above the start: save {saving / payload:.1f}, load {loading / payload:.1f} times the values")


def _saving(stage: Workspace, subject: Subject) -> int:
    """The peak of saving, of which nothing is held afterwards."""
    thing = subject.build()
    return _peak(lambda _: subject.save(stage.path, thing), lambda: emptied(stage.folder))


def _peak(work: Callable[[Any], Any], before: Callable[[], Any]) -> int:
    """The bytes that the least of a few tries takes at its peak: what an allocator happens to hold back is nobody's payload."""
    took = []
    for _ in range(TRIES):
        given = before()
        gc.collect()
        reset_peak()
        start = resident_size()
        kept = work(given)
        took.append(peak_size() - start)
        del kept, given
    return min(took)


@plays("process/leaks", role="plain", patience=10)
def growth(stage: Workspace, scene: NamedScenario) -> Observation:
    """One thing is saved many times; after half of them nothing more may stay."""
    subject = stage.subject(scene.saved)
    thing, payload, half = subject.build(), payload_in(subject), SAVES - SETTLED
    again = True
    measured: list[dict[str, int]] = []
    for number in range(SAVES):
        if not again:
            emptied(stage.folder)
        try:
            subject.save(stage.path, thing)
        except Failed:
            if number != 1:
                raise
            again = False  # it refuses to write over a checkpoint
            emptied(stage.folder)
            subject.save(stage.path, thing)
        if number % 4 == 0:
            subject.load(stage.path)
        if number + 1 in (SETTLED, SETTLED + half // 2, SAVES):
            gc.collect()
            measured.append(_staying(stage.folder))
    limits = {
        "files": half // 10,
        "threads": half // 10,
        "child processes": half // 10,
        "open descriptors": half // 10,
        "bytes of memory": payload * half // 4,
    }
    for what, limit in limits.items():
        first, middle, last = (each[what] for each in measured)
        # What grows steadily grows in both quarters.
        if last - first > limit and last - middle > limit // 4 and middle - first > limit // 4:
            return Observation(excess=f"{last - first:,} more {what} after {half} more saves of {payload:,} bytes of values")
    return Observation()


def _staying(folder: pathlib.Path) -> dict[str, int]:
    return {
        "files": sum(1 for _ in folder.rglob("*")),
        "threads": len(os.listdir("/proc/self/task")),
        "child processes": _children(),
        "open descriptors": len(os.listdir("/proc/self/fd")),
        "bytes of memory": resident_size(),
    }


def _children() -> int:
    """How many processes this one has started that are there, or that nobody has waited for."""
    count = 0
    for task in pathlib.Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that is gone by now, or a system that does not tell
            count += len((task / "children").read_text().split())
    return count


def payload_in(subject: Subject) -> int:
    """Bytes of the values of a tree or a model."""
    if not isinstance(subject.spec, ModelSpec):
        return payload_of(subject.spec)
    models = models_for(subject.backend)
    words = (subject.backend.read(tensor).words for tensor in models.read(subject.build()).tensors.values())
    return sum(each.nbytes for each in words if each is not None)


def alter(subject: Subject, thing: Any) -> None:
    """Gives a tree or a model other values, in place as far as that goes: in its tensors, and in its containers."""
    other = subject.handed(always=True)
    if subject.is_model:
        models = models_for(subject.backend)
        models.load_state(thing, models.state(other))
    else:
        _alter(thing, other)


def _alter(tree: Any, other: Any) -> None:
    if is_leaf(tree):
        owner, theirs = owner_of(tree), owner_of(other)
        if owner is not None and owner is theirs:
            owner.overwrite(tree, other)
        return
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        _alter(value, other[key])
        tree[key] = other[key]


@plays("process/moved", across=True)
def moved(stage: Workspace, scene: NamedScenario) -> Observation:
    """A checkpoint that is finished is moved to another folder, and loaded from another current directory, by another process."""
    before, after = stage.folder / "before", stage.folder / "after"
    before.mkdir()
    stage.away.ask(saved, scene.saved, str(before / stage.path.name), role="plain")
    shutil.move(before, after)
    stage.leave()
    return stage.away.observe(seen_from, scene.saved, str(after / stage.path.name), str(stage.folder), role="second")


def seen_from(trials: Context, spec: Spec, path: str, directory: str) -> Observation:
    """Asked in a worker: loads with another current directory, and compares."""
    before = os.getcwd()
    os.chdir(directory)
    try:
        return seen(trials, spec, path)
    finally:
        os.chdir(before)


def saved(trials: Context, spec: Spec, path: str) -> None:
    """Asked in a worker: saves. Raises Failed and CannotBuild."""
    with trials.scope():
        trials.subject(spec).save(pathlib.Path(path))


def seen(trials: Context, spec: Spec, path: str) -> Observation:
    """Asked in a worker: loads, and compares."""
    with trials.scope():
        return trials.subject(spec).seen(pathlib.Path(path))


@plays("process/fresh-process", across=True)
def fresh_process(stage: Workspace, scene: NamedScenario) -> Observation:
    """One worker saves, another loads."""
    stage.away.ask(saved, scene.saved, str(stage.path), role="plain")
    stage.leave()
    return stage.away.observe(seen, scene.saved, str(stage.path), role="second")
