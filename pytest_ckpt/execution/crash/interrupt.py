"""Ctrl-C while something is saved: a KeyboardInterrupt is raised, in a worker, at each moment at which saving has changed what stands on
disk and Python is in charge again, which is when it would raise a real one. Facts only; nothing is judged here."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from ...specs import InterruptCase, InterruptSweep, Spec
from ...verdicts import Observation
from ...workers import WorkerDied
from ..observations import is_whole, told
from ..registry import Workspace
from ..user_code import Failed
from .crash_states import REFUSES, confirmed, nothing_lost, saved_and_seen, trouble_in, whole

if TYPE_CHECKING:
    from ..dispatch import Context

#: How many moments are asked about at most, the first and the last among them.
MOST = 32
#: Seconds for which nothing changes once threads that a save has left behind are done, and how long that is waited for.
_QUIET, _PATIENCE = 0.02, 2.0
#: What stands in a folder, as far as that can be seen without reading: size, time of the last change, and number of each name.
_Look = dict[str, tuple[int, int, int]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a save in which an interrupt was to be raised: at how many ``moments`` something had changed, which change it was
    and where it was raised, if that moment came, whether save ``returned`` all the same, and what was seen if it raised something else."""

    moments: int
    change: str = ""
    place: str = ""
    returned: bool = False
    failed: Observation | None = None


@dataclasses.dataclass
class _Kept:
    """What is known of the interrupts of one save: the moments, what save said where it does not save over what is there, and the
    kinds of trouble that a fresh process has had as well."""

    moments: int
    refused: str | None
    confirmed: set[str] = dataclasses.field(default_factory=set)


def interrupts(stage: Workspace, spec: InterruptSweep) -> Iterable[Spec]:
    """One spec for each moment, or for as many of them as are asked about. Raises Failed."""
    moments = _kept(stage, spec).moments
    places = range(1, moments + 1) if moments <= MOST else sorted({1 + place * (moments - 1) // (MOST - 1) for place in range(MOST)})
    return [InterruptCase(spec.saved, spec.old, at) for at in places] or [InterruptCase(spec.saved, spec.old)]


def interrupting(stage: Workspace, spec: InterruptSweep) -> Observation:
    """Why a save cannot be interrupted. Raises Failed."""
    _kept(stage, spec)
    raise AssertionError(f"{spec!r} stands for other specs, and is not played itself")


def interrupted(stage: Workspace, spec: InterruptCase) -> Observation:
    """What loads after the interrupt. Trouble in processes that were interrupted before is believed once fresh ones have had it."""
    kept = _kept(stage, spec)
    seen, known = _once(stage, spec, kept), confirmed(stage)
    if (trouble := trouble_in(seen)) in ("", *kept.confirmed):
        return seen
    stage.away.end("second")
    if trouble not in known:
        stage.away.end("plain")
    again = _once(stage, spec, kept)
    if trouble_in(again) == trouble:
        kept.confirmed.add(trouble)
        known.add(trouble)
    return again


def _once(stage: Workspace, spec: InterruptCase, kept: _Kept) -> Observation:
    old = None if kept.refused is not None else spec.old
    outcome, path = _saved(stage, spec, old)
    dataclasses.replace(stage, path=path).leave()
    wanted = [spec.saved] if outcome.returned or old is None else [spec.saved, old]
    empty = old is None and not outcome.returned
    seen = nothing_lost(stage.away.observe(whole, wanted, str(path), empty), empty)
    if is_whole(seen) and old is not None:
        # Somebody goes on with the run that was stopped.
        again = stage.away.observe(saved_and_seen, spec.saved, str(path))
        if not is_whole(again):
            return told(again, f"{_in_words(outcome, spec, kept)}, and then saved again")
    if is_whole(seen):
        note = REFUSES if kept.refused is not None else "" if kept.moments else "nothing was seen to change before save had returned"
        return dataclasses.replace(seen, note=note or seen.note)
    return told(seen, _in_words(outcome, spec, kept))


def _in_words(outcome: Outcome, spec: InterruptCase, kept: _Kept) -> str:
    if not outcome.change:
        return "save had returned before it could be interrupted"
    words = (
        f"after change {spec.at} of {max(kept.moments, outcome.moments)} ({outcome.change}) a KeyboardInterrupt, raised in {outcome.place}"
    )
    return words + (", at which save returned" if outcome.returned else "")


def _kept(stage: Workspace, spec: InterruptSweep | InterruptCase) -> _Kept:
    """The moments of this save, counted once. Raises Failed."""
    key = ("interrupts", spec.saved, spec.old)
    kept = stage.trials.kept
    if key not in kept:
        outcome, _ = _saved(stage, InterruptCase(spec.saved, spec.old, 0), spec.old)
        refused = outcome.failed.refused if outcome.failed is not None else None
        if refused is not None and spec.old is not None:
            outcome, _ = _saved(stage, InterruptCase(spec.saved, None, 0), None)
        if outcome.failed is not None:
            raise Failed(outcome.failed)
        kept[key] = _Kept(outcome.moments, refused)
    found: _Kept = kept[key]
    return found


def _saved(stage: Workspace, spec: InterruptCase, old: Spec | None) -> tuple[Outcome, pathlib.Path]:
    """Saves in a folder of its own, with the interrupt. A process that was interrupted before may not be able to; then another one does."""
    try:
        return _saved_once(stage, spec, old)
    except (WorkerDied, Failed):
        stage.away.end("second")
        return _saved_once(stage, spec, old)


def _saved_once(stage: Workspace, spec: InterruptCase, old: Spec | None) -> tuple[Outcome, pathlib.Path]:
    path = pathlib.Path(tempfile.mkdtemp(dir=stage.folder), stage.path.name)
    return stage.away.ask(save_interrupted, spec.saved, old, str(path), spec.at, role="second"), path


def save_interrupted(trials: Context, spec: Spec, old: Spec | None, path: str, at: int) -> Outcome:
    """Asked in a worker: saves ``spec`` over ``old``, and is interrupted at the moment ``at``, or never where that is 0. Raises Failed
    where ``old`` cannot be saved."""
    place = pathlib.Path(path)
    with trials.scope():
        if old is not None:
            trials.subject(old).save(place)
        subject = trials.subject(spec)
        thing = subject.build()
        _settled(place.parent)
        watch = _Watch(place.parent, at)
        failed, returned = None, False
        with watch.held():
            try:
                subject.save(place, thing)
                returned = True
            except Failed as error:
                failed = error.seen
            except _Interrupt:
                pass
        _settled(place.parent)
    return Outcome(watch.moments, watch.change, watch.place, returned, failed)


class _Interrupt(KeyboardInterrupt):
    """Ours, which nobody at the keyboard has raised."""


class _Watch:
    """Called by Python at every call and return, while it is held."""

    def __init__(self, folder: pathlib.Path, at: int) -> None:
        self.moments, self.change, self.place = 0, "", ""
        self._at = at
        self._folder = folder
        self._look = _look(folder)
        self._counts = os.open("/proc/self/io", os.O_RDONLY)
        self._writes = self._written()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        before = sys.getprofile()
        sys.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(before)
            os.close(self._counts)

    def _called(self, frame: FrameType, event: str, function: Any) -> None:
        # Looking takes time, and most calls touch no disk: those of the system do, and those in which something was written.
        writes = self._written()
        if writes == self._writes and not (event.startswith("c_") and _is_of_the_system(function)):
            return
        self._writes = writes
        now = _look(self._folder)
        if now == self._look:
            return
        before, self._look = self._look, now
        self.moments += 1
        if self.moments == self._at:
            self.change = _change(before, now)
            self.place = f"{frame.f_code.co_name} ({pathlib.Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
            raise _Interrupt

    def _written(self) -> bytes:
        """How often this process has written, as the system counts it."""
        found = re.search(rb"syscw: (\d+)", os.pread(self._counts, 512, 0))
        return found[1] if found else b""


def _is_of_the_system(function: Any) -> bool:
    owner = getattr(function, "__module__", None) or type(getattr(function, "__self__", None)).__module__
    return owner in ("posix", "_io", "io")  # open is of io up to Python 3.12


def _look(folder: pathlib.Path) -> _Look:
    found: _Look = {}
    todo = [(str(folder), "")]
    while todo:
        above, prefix = todo.pop()
        with contextlib.suppress(FileNotFoundError), os.scandir(above) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    facts = entry.stat(follow_symlinks=False)
                    is_folder = entry.is_dir(follow_symlinks=False)
                    # What changes in a folder is seen at the names in it.
                    found[prefix + entry.name] = (-1, 0, facts.st_ino) if is_folder else (facts.st_size, facts.st_mtime_ns, facts.st_ino)
                    if is_folder:
                        todo.append((entry.path, f"{prefix}{entry.name}/"))
    return found


def _change(before: _Look, now: _Look) -> str:
    """One of the changes, in words."""
    name = next(name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name))
    shown = re.sub(r"\b\d+-checkpoint", "checkpoint", name)
    if name not in now:
        return f"{shown} is gone"
    size = now[name][0]
    return f"{shown} is there" if size < 0 else f"{shown} has {size} bytes"


def _settled(folder: pathlib.Path) -> None:
    """Waits until threads that are at work in the folder are done, or that has taken long enough."""
    end, before = time.monotonic() + _PATIENCE, _look(folder)
    while time.monotonic() < end:
        time.sleep(_QUIET)
        if (now := _look(folder)) == before:
            return
        before = now
