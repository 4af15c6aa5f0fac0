"""Asks questions about one format in workers. Facts only; nothing is judged here.

A question is a function of this package that is given the `Context` of the worker and what else it needs; it returns an
`Observation`, or what an orchestrator in this process makes one of.
"""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..backends.base import CannotBuild
from ..formats.base import Format
from ..verdicts import Observation
from ..workers import MEMORY_LIMIT, CannotSerialize, SerializedObject, Worker, WorkerDied, Workers
from .user_code import Failed

if TYPE_CHECKING:
    from .dispatch import Context

#: The roles that are slowed down, and how much: one slows down more than the other.
SLOWED = {"slowed": 1, "slower": 15}
#: How many questions in a row may hang before those that follow are given less time, and how many times less.
PATIENCE, HASTE = 3, 20
#: Starts the worker of a role with a log.
Start = Callable[[pathlib.Path], Worker]
#: Seconds and bytes that nothing runs into: what is done once, before questions are asked.
_AT_LEISURE: dict[str, Any] = {"seconds": 180.0, "memory": 1 << 46}


class Remote:
    """The workers of one format. ``folder`` is where they may make files, each in a folder of its own."""

    def __init__(self, format: Format, workers: Workers, folder: pathlib.Path) -> None:
        self.format = format
        self.workers = workers
        self.folder = folder
        #: How many questions have hung, how many since the last that was answered, and how many of all that there were no process
        #: has outlived, as long as none was answered at all.
        self.hung = self.hung_in_a_row = 0
        self.only_died: int | None = 0

    @functools.cached_property
    def serialized(self) -> SerializedObject:
        return self.format.serialized()

    def ask(
        self,
        question: Callable[..., Any],
        *arguments: Any,
        role: str = "plain",
        seconds: float | None = None,
        memory: int = MEMORY_LIMIT,
        file_size: int | None = None,
    ) -> Any:
        """What ``question(trials, *arguments)`` returns in the worker of a role. ``seconds`` is by default the format's limit; a format
        that always hangs is soon given less, or a run would take days. Raises Died, CannotTravel, and what the question raises
        of Failed and CannotBuild."""
        worker = self.worker(role)
        seconds = self.format.time_limit if seconds is None else seconds
        if self.hung_in_a_row >= PATIENCE:
            seconds = min(seconds, max(seconds / HASTE, 1.0))
        try:
            answer = worker.ask(
                _answer, self.serialized, str(self.folder), question, arguments,
                seconds=seconds, memory=memory, file_size=file_size, raises=(Failed, CannotBuild),
            )  # fmt: skip
        except (Failed, CannotBuild):
            self.hung_in_a_row, self.only_died = 0, None
            raise
        except WorkerDied as died:
            self.hung += died.timed_out
            self.hung_in_a_row = self.hung_in_a_row + 1 if died.timed_out else 0
            self.only_died = None if self.only_died is None else self.only_died + 1
            raise
        self.hung_in_a_row, self.only_died = 0, None
        return answer

    @property
    def hopeless(self) -> bool:
        """Whether questions were asked, and whatever was asked, the process did not outlive it."""
        return (self.only_died or 0) >= PATIENCE

    def worker(self, role: str) -> Worker:
        """The worker of a role, in which everything that the format needs is imported."""
        serialized = self.serialized
        worker = self.workers.get((serialized.digest, role), self._starts(role))
        if not worker.knows(serialized):
            worker.ask(_answer, serialized, str(self.folder), _warm, (), **_AT_LEISURE)
        return worker

    def _starts(self, role: str) -> Start:
        if role in ("confined", "full-disk"):
            place = self.folder / "small-disk"
            place.mkdir(exist_ok=True)
            return functools.partial(Worker, confined=place)
        if role in SLOWED:
            from ..crash_model.tracing import DELAY, slowed_worker

            return functools.partial(slowed_worker, delay=SLOWED[role] * DELAY)
        if role == "traced":
            from ..crash_model.recording import traced_worker

            return traced_worker
        if role == "other-hashes":
            # The order of a set of text hangs on it, also where this process was given one. The user is another one as well.
            seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
            return functools.partial(Worker, environment={"PYTHONHASHSEED": seed, "USER": "somebody", "LOGNAME": "somebody"})
        return Worker

    def end(self, role: str = "plain") -> None:
        """Ends the worker of a role, so that the next question gets a fresh process."""
        self.workers.stop((self.serialized.digest, role))

    def observe(self, question: Callable[..., Any], *arguments: Any, **limits: Any) -> Observation:
        """As `ask`, for questions that are answered with an Observation: what becomes of the worker is a fact like others."""
        try:
            found: Observation = self.ask(question, *arguments, **limits)
        except WorkerDied as died:
            return Observation(crashed=str(died))
        except CannotSerialize as error:
            return Observation(skipped=str(error))
        except CannotBuild as error:
            return Observation(skipped=str(error))
        except Failed as failed:
            return failed.seen
        return found


#: The trials of each format that this process has been asked about; the formats are kept, so that an id stays one format's.
_HERE: dict[int, tuple[Format, Context]] = {}


def _answer(format: Format, folder: str, question: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Answer a question; called in the worker."""
    from .dispatch import Context

    if id(format) not in _HERE:
        own = pathlib.Path(folder) / f"process-{os.getpid()}-{len(_HERE)}"
        own.mkdir()
        _HERE[id(format)] = (format, Context(format, own))
    trials = _HERE[id(format)][1]
    return question(trials, *arguments)


def _warm(trials: Context) -> None:
    """Everything that is imported and started but once is there when the first question is asked."""
    with trials.scope():
        trials.warm()
