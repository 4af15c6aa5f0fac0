"""Scenes of the family `process` with two processes at work on one path at the same time: two that save, and one that loads meanwhile.

Which of two processes is first is nobody's to say, so the first is stopped in the middle of its save, as a busy machine may stop
it, while the other one does all of its work; then the first goes on. It is slowed down, so that it can be stopped at any moment that
matters.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..specs import Scene, Spec
from ..verdicts import Observation
from .base import Failed, emptied
from .process import saved
from .scenes import Stage, plays
from .subjects import any_of

if TYPE_CHECKING:
    from . import Trials

#: After which share of its bytes the first process is stopped: as soon as anything is seen of it, …, when all is written.
MOMENTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
#: How often each of them is tried: a save may be too fast to be stopped just there.
WRITING, READING = 2, 1
#: Seconds that the other one may wait for the first, as for a lock, until the first goes on.
_PATIENCE = 1.0

#: What stands in a folder: for each file its number and length.
Standing = dict[str, tuple[int, int]]


@plays("process/two-writers", across=True)
def two_writers(stage: Stage, scene: Scene) -> Observation:
    """Two processes save to one path at once; then one of the two checkpoints is there, whole."""
    assert scene.other is not None
    both = (scene.saved, scene.other)
    stage.away.ask(saved, scene.saved, str(stage.path), role="slowed")
    whole = _bytes(_standing(stage.folder), {})
    # Where writing over a checkpoint is refused, both are asked to write into an empty place.
    refuses = stage.away.ask(refusal, scene.other, str(stage.path), role="second") is not None
    for moment in MOMENTS * WRITING:
        if refuses:
            emptied(stage.folder)
        first, second = _meanwhile(stage, scene.saved, moment * whole, refusal, scene.other, str(stage.path))
        if first is not None and second is not None:
            continue  # nobody has saved anything
        stage.leave()
        found = stage.away.observe(either, both, str(stage.path), role="second")
        if found != Observation():
            return found
    return Observation()


@plays("process/reader-beside-writer", across=True)
def reader_beside_writer(stage: Stage, scene: Scene) -> Observation:
    """While one process saves over a checkpoint, another one loads: the old one or the new one, whole."""
    assert scene.other is not None
    both = (scene.saved, scene.other)
    stage.away.ask(saved, scene.saved, str(stage.path), role="slowed")
    whole = _bytes(_standing(stage.folder), {})
    worst = Observation()
    for number, moment in enumerate(MOMENTS * READING):
        spec = both[(number + 1) % 2]
        refused, found = _meanwhile(stage, spec, moment * whole, either, both, str(stage.path))
        if refused is not None:
            return Observation(skipped=f"save refuses to write over a checkpoint: {refused}")
        if isinstance(found, Observation) and (found.crashed or found.differences or (found.unreadable and not worst.differences)):
            worst = found
    return worst


def _meanwhile(stage: Stage, spec: Spec, enough: float, question: Callable[..., Any], *arguments: Any) -> tuple[str | None, Any]:
    """Has one worker save, stops it when ``enough`` bytes of that are on disk, asks another one a question, and lets the first go on:
    what the save said if it raised, and the answer."""
    number = stage.away.ask(process_number, role="slowed")
    stage.away.worker("second")  # started before anything is under way
    before = _standing(stage.folder)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(stage.away.ask, refusal, spec, str(stage.path), role="slowed")
        try:
            while not first.done():
                now = _standing(stage.folder)
                if now != before and _bytes(now, before) >= enough:
                    os.kill(number, signal.SIGSTOP)
                    break
            second = pool.submit(stage.away.ask, question, *arguments, role="second")
            concurrent.futures.wait([second], _PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGCONT)
        return first.result(), second.result()


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


def process_number(trials: Trials) -> int:
    """Asked in a worker: its number, which is another than that of a tracer around it."""
    return os.getpid()


def refusal(trials: Trials, spec: Spec, path: str) -> str | None:
    """Asked in a worker: saves; what was said if that raised."""
    with trials.scope():
        try:
            trials.subject(spec).save(pathlib.Path(path))
        except Failed as failed:
            return failed.seen.refused or failed.seen.unreadable or failed.seen.crashed
    return None


def either(trials: Trials, specs: Sequence[Spec], path: str) -> Observation:
    """Asked in a worker: loads, and compares with each of the specs."""
    with trials.scope():
        found = any_of([trials.subject(spec) for spec in specs], pathlib.Path(path))
    content = tuple(each for each in found.differences if each.aspect in ("values", "nan-payload", "dtype", "shape", "keys") or each.lost)
    return Observation(unreadable=found.unreadable, crashed=found.crashed, differences=content)
