"""Scenes of the family `process` with two processes at work on one path at the same time: two that save, and one that loads meanwhile.

Which of two processes is first is nobody's to say, so the first is stopped in the middle of its save, as a busy machine may stop
it, while the other one does all of its work; then the first goes on. It is slowed down, so that it can be stopped at any moment that
matters.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...specs import NamedScenario, Spec
from ...verdicts import Observation
from ...workers.child import settings
from ..registry import Workspace, plays
from ..remote import SLOWED
from ..subject import any_of
from ..user_code import Failed, emptied
from .lifetime import saved

if TYPE_CHECKING:
    from ..dispatch import Context

#: When the first process is stopped: after which share of its bytes (as soon as anything is seen of it, …, when all is written), or
#: when something is gone that stood there before, or when its name is that of another file now.
Moment = float | str
GONE, REPLACED = "gone", "replaced"
MOMENTS: tuple[Moment, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, GONE, REPLACED)
#: How often each of them is tried: a save may be too fast to be stopped just there. A reader is there again at the first, at which most
#: is missing, and where one was missed.
WRITING, READING = 2, 2
#: What is said where no process can be slowed down, and so nothing that was met in the middle of a save says that all is well.
UNTRACED = "nothing can be traced here, so no save could be slowed down enough to be met in the middle"
#: Seconds that the other one may wait for the first, as for a lock, until the first goes on.
_PATIENCE = 1.0
#: Seconds after which a process that was told to stop has.
_STOPPING = 0.002

#: What stands in a folder: for each file its number and length.
Standing = dict[str, tuple[int, int]]
#: Whether a moment has come, by what stands in the folder now, and before.
_Come = Callable[[Standing, Standing], bool]


class _First:
    """The process that is stopped in the middle of its saves; again at the same moment it is slower, since a busy machine may miss it."""

    def __init__(self, stage: Workspace, spec: Spec) -> None:
        self._stage = stage
        self._met: dict[Moment, bool] = {}
        self.is_slowed = stage.away.ask(about_process, role="slowed")[1]
        begun = time.monotonic()
        stage.away.ask(saved, spec, str(stage.path), role="slowed", seconds=self._seconds)
        took = time.monotonic() - begun
        self._whole = _bytes(_standing(stage.folder), {})
        # One that writes in very many steps is met in the middle all the same.
        self._can_be_slower = self.is_slowed and took * SLOWED["slower"] < min(_PATIENCE, stage.trials.format.time_limit)

    @property
    def _seconds(self) -> float:
        """A slowed process takes as long as it takes."""
        return 10 * self._stage.trials.format.time_limit

    def was_met(self, moment: Moment) -> bool:
        return self._met.get(moment, False)

    def meanwhile(self, moment: Moment, spec: Spec, question: Callable[..., Any], *arguments: Any) -> tuple[str | None, Any]:
        """Saves, is stopped when the moment has come, and goes on when another process has been asked a question: what the save said if
        it raised, and the answer."""
        away, folder = self._stage.away, self._stage.folder
        role = "slower" if moment in self._met and self._can_be_slower else "slowed"
        to_stop, _ = away.ask(about_process, role=role)
        away.worker("second")  # started before anything is under way
        before, has_come = _standing(folder), _seen_at(moment, self._whole)
        self._met[moment] = False
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            first = pool.submit(away.ask, refusal, spec, str(self._stage.path), role=role, seconds=self._seconds)
            try:
                while not first.done():
                    if has_come(_standing(folder), before):
                        os.kill(to_stop, signal.SIGSTOP)
                        time.sleep(_STOPPING)
                        # What was under way when it was stopped is done, and with it the moment may be over.
                        self._met[moment] = has_come(_standing(folder), before)
                        break
                second = pool.submit(away.ask, question, *arguments, role="second")
                concurrent.futures.wait([second], _PATIENCE)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(to_stop, signal.SIGCONT)
            return first.result(), second.result()


@plays("process/two-writers", across=True)
def two_writers(stage: Workspace, scene: NamedScenario) -> Observation:
    """Two processes save to one path at once; then one of the two checkpoints is there, whole."""
    assert scene.other is not None
    both = (scene.saved, scene.other)
    process = _First(stage, scene.saved)
    # Where writing over a checkpoint is refused, both are asked to write into an empty place.
    refuses = stage.away.ask(refusal, scene.other, str(stage.path), role="second") is not None
    for moment in MOMENTS * WRITING:
        if refuses:
            emptied(stage.folder)
        first, second = process.meanwhile(moment, scene.saved, refusal, scene.other, str(stage.path))
        if first is not None and second is not None:
            continue  # nobody has saved anything
        stage.leave()
        found = stage.away.observe(either, both, str(stage.path), role="second")
        if found != Observation():
            return found
    return Observation(skipped=None if process.is_slowed else UNTRACED)


@plays("process/reader-beside-writer", across=True)
def reader_beside_writer(stage: Workspace, scene: NamedScenario) -> Observation:
    """While one process saves over a checkpoint, another one loads: the old one or the new one, whole."""
    assert scene.other is not None
    both = (scene.saved, scene.other)
    process, turn = _First(stage, scene.saved), itertools.cycle((scene.other, scene.saved))
    worst = Observation()
    for number, moment in enumerate(MOMENTS * READING):
        if number >= len(MOMENTS) and moment != MOMENTS[0] and process.was_met(moment):
            continue
        refused, found = process.meanwhile(moment, next(turn), either, both, str(stage.path))
        if refused is not None:
            return Observation(skipped=f"save refuses to write over a checkpoint: {refused}")
        if isinstance(found, Observation) and (found.crashed or found.differences or (found.unreadable and not worst.differences)):
            worst = found
    return worst if process.is_slowed or worst != Observation() else Observation(skipped=UNTRACED)


def _seen_at(moment: Moment, whole: int) -> _Come:
    """How it is seen in the folder that a moment has come, where a checkpoint has ``whole`` bytes."""
    if moment == GONE:
        return lambda now, before: bool(before.keys() - now.keys())
    if moment == REPLACED:
        return lambda now, before: any(name in now and now[name][0] != number for name, (number, _) in before.items())
    share = float(moment)
    return lambda now, before: now != before and _bytes(now, before) >= share * whole


def _standing(folder: pathlib.Path) -> Standing:
    """What stands in a folder now, though somebody may be at work there."""
    found: Standing = {}
    todo = [str(folder)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    found[entry.path] = (status.st_ino, status.st_size)
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
        except OSError:  # it is gone, or was moved, meanwhile
            continue
    return found


def _bytes(now: Standing, before: Standing) -> int:
    """The bytes of what is new, or has another length."""
    return sum(length for name, (number, length) in now.items() if before.get(name) != (number, length))


def about_process(trials: Context) -> tuple[int, bool]:
    """Asked in a worker: the number of the process that has to be stopped, so that this one does, and whether this one is traced. Where a
    tracer is stopped, nothing that it traces changes a file any more; a signal would come only when that is done."""
    traced = settings().traced
    return os.getppid() if traced else os.getpid(), traced


def refusal(trials: Context, spec: Spec, path: str) -> str | None:
    """Asked in a worker: saves; what was said if that raised."""
    with trials.scope():
        try:
            trials.subject(spec).save(pathlib.Path(path))
        except Failed as failed:
            return failed.seen.refused or failed.seen.unreadable or failed.seen.crashed
    return None


def either(trials: Context, specs: Sequence[Spec], path: str) -> Observation:
    """Asked in a worker: loads, and compares with each of the specs."""
    with trials.scope():
        found = any_of([trials.subject(spec) for spec in specs], pathlib.Path(path))
    content = tuple(each for each in found.differences if each.aspect in ("values", "nan-payload", "dtype", "shape", "keys") or each.lost)
    return Observation(unreadable=found.unreadable, crashed=found.crashed, differences=content)
