"""The scene `process/threads`: several threads of one process save and load at the same time."""

from __future__ import annotations

import dataclasses
import pathlib
import threading
import time
from typing import TYPE_CHECKING

from ...specs import ModelSpec, NamedScenario, Spec, other_values
from ...verdicts import Observation
from ..registry import Workspace, plays
from ..subject import Subject
from ..user_code import Failed

if TYPE_CHECKING:
    from ..dispatch import Context

#: Threads that save at once.
THREADS = 4
#: Seconds that the others get to come to an end when one of them has failed: what they wait for may never come.
_GRACE = 5.0


@plays("process/threads", across=True)
def threads(stage: Workspace, scene: NamedScenario) -> Observation:
    """Several threads save and load at once, each at its own path, each its own values."""
    found, stuck = stage.away.ask(at_once, scene.saved, str(stage.path), role="plain")
    if stuck:
        stage.away.end("plain")
    return found if isinstance(found, Observation) else Observation()


def at_once(trials: Context, spec: Spec, path: str) -> tuple[Observation, bool]:
    """Asked in a worker: the worst that a thread has seen, and whether some of them have not come to an end."""
    with trials.scope():
        subjects = [trials.subject(_numbered(spec, number)) for number in range(THREADS)]
        things = [subject.build() for subject in subjects]
        started = threading.Barrier(THREADS)
        seen: list[Observation] = []
        errors: list[BaseException] = []

        def work(number: int, subject: Subject) -> None:
            own = pathlib.Path(path).with_name(f"{number}-{pathlib.Path(path).name}")
            try:
                # Settings of a framework may be those of one thread.
                with trials.backend.scope():
                    started.wait()
                    subject.save(own, things[number])
                    seen.append(subject.seen(own))
            except Failed as failed:
                seen.append(failed.seen)
            except BaseException as error:  # ours, to be told by the thread that was asked
                errors.append(error)

        workers = [threading.Thread(target=work, args=each, daemon=True) for each in enumerate(subjects)]
        for worker in workers:
            worker.start()
        end: float | None = None
        for worker in workers:
            while worker.is_alive() and (end is None or time.monotonic() < end):
                worker.join(0.05)
                if end is None and (errors or any(_badness(each) for each in seen)):
                    end = time.monotonic() + _GRACE
    if errors:
        raise errors[0]
    return max(seen, key=_badness), any(worker.is_alive() for worker in workers)


def _badness(seen: Observation) -> int:
    """Values that are not what they were are worse than anything that was said."""
    return 3 * bool(seen.differences) or 2 * bool(seen.refused or seen.crashed) or bool(seen.unreadable)


def _numbered(spec: Spec, number: int) -> Spec:
    """The same structure with values of its own for each number."""
    if isinstance(spec, ModelSpec):
        return dataclasses.replace(spec, seed=spec.seed + number)
    return spec if number == 0 else other_values(spec, number)
