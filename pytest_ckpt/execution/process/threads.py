"""Save and load in several threads of one process at the same time."""

from __future__ import annotations

import dataclasses
import pathlib
import threading
import time

from ...specs import ModelSpec, NamedScenario, Spec, other_values
from ...verdicts import Observation
from ..context import Context, Workspace
from ..registry import Placement, procedure
from ..subject import Subject
from ..user_code import EarlyResult

_THREADS = 4
#: Seconds that the other threads get to finish after one has failed. They may wait for something that never happens.
_GRACE = 5.0


@procedure("process/threads", Placement.ACROSS_WORKERS)
def threads(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save and load in several threads at once, each at its own path and with its own values."""
    found, stuck = workspace.remote.ask(save_in_threads, scenario.saved, str(workspace.path))
    workspace.keep()
    if stuck:
        workspace.remote.end()
    return found if isinstance(found, Observation) else Observation()


def save_in_threads(context: Context, spec: Spec, path: str) -> tuple[Observation, bool]:
    """In a worker: return the worst observation of all threads, and whether some threads are stuck."""
    with context.scope():
        subjects = [context.subject(_numbered(spec, number)) for number in range(_THREADS)]
        objects = [subject.build() for subject in subjects]
        start = threading.Barrier(_THREADS)
        observations: list[Observation] = []
        errors: list[BaseException] = []

        def work(number: int, subject: Subject) -> None:
            own = pathlib.Path(path).with_name(f"{number}-{pathlib.Path(path).name}")
            try:
                # Settings of a framework may belong to one thread.
                with context.backend.scope():
                    start.wait()
                    subject.save(own, objects[number])
                    observations.append(subject.observe(own))
            except EarlyResult as early:
                observations.append(early.observation)
            except BaseException as error:  # An error of this package, raised below in the main thread.
                errors.append(error)

        workers = [threading.Thread(target=work, args=each, daemon=True) for each in enumerate(subjects)]
        for worker in workers:
            worker.start()
        end: float | None = None
        for worker in workers:
            while worker.is_alive() and (end is None or time.monotonic() < end):
                worker.join(0.05)
                if end is None and (errors or any(_severity(each) for each in observations)):
                    end = time.monotonic() + _GRACE
    if errors:
        raise errors[0]
    return max(observations, key=_severity), any(worker.is_alive() for worker in workers)


def _severity(observation: Observation) -> int:
    """Return how bad an observation is: other values are worse than any error."""
    failed = bool(observation.refused or observation.crashed)
    return 3 * bool(observation.differences) or 2 * failed or bool(observation.unreadable)


def _numbered(spec: Spec, number: int) -> Spec:
    """Return the same structure with other values for each number."""
    if isinstance(spec, ModelSpec):
        return dataclasses.replace(spec, seed=spec.seed + number)
    return spec if number == 0 else other_values(spec, number)
