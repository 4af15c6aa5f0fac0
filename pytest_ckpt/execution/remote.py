"""Call functions in the workers of one format.

A function that runs in a worker receives the worker's `Context` and its arguments. It returns an `Observation`, or a value from which a
procedure in this process makes one.
"""

from __future__ import annotations

import enum
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Any

from ..backends.base import CannotBuild
from ..crash_model.recording import traced_worker
from ..crash_model.tracing import DELAY, slowed_worker
from ..formats.base import Format
from ..verdicts import Observation
from ..workers import MEMORY_LIMIT, CannotSerialize, SerializedObject, Worker, WorkerDied, Workers
from .user_code import EarlyResult


class Role(enum.Enum):
    """What a worker is for. Each role of a format has a separate worker."""

    PLAIN = "an ordinary process"
    SECOND = "another ordinary process"
    OTHER_HASHES = "a process of another user, in which strings have other hashes"
    CONFINED = "a process that may not override the modes of files"
    FULL_DISK = "a process with a small disk"
    TRACED = "a process whose system calls are recorded"
    SLOWED = "a process whose system calls are delayed"
    SLOWER = "a process whose system calls are delayed more"


#: How much longer than the shortest delay the system calls of these roles are delayed.
DELAYS = {Role.SLOWED: 1, Role.SLOWER: 15}
#: After this many timeouts in a row, later calls get less time, by this factor.
_TIMEOUTS_IN_A_ROW, _SHORTER = 3, 20
#: After this many calls none of which a process survived, no more are made than necessary.
_DEATHS = 3
#: For the first call, which imports the framework: limits in seconds and bytes that it does not reach.
_GENEROUS: dict[str, Any] = {"seconds": 180.0, "memory": 1 << 46}


#: Runs in a worker, and returns ``function(context, *arguments)``. It receives the format, a folder, the function and its arguments.
Answer = Callable[[Format, str, Callable[..., Any], tuple[Any, ...]], Any]
#: What a function may raise in a worker. The same is raised in this process.
_ERRORS = (EarlyResult, CannotBuild)


class Remote:
    """The workers of one format.

    ``folder`` is where they may create files, each in a separate folder. ``answer`` is the function that a worker calls for every
    question, and ``warm_up`` is the first question.
    """

    def __init__(self, format: Format, workers: Workers, folder: pathlib.Path, answer: Answer, warm_up: Callable[..., Any]) -> None:
        self.format = format
        self.workers = workers
        self.folder = folder
        self._answer = answer
        self._warm_up = warm_up
        #: How many calls have timed out.
        self.timeouts = 0
        self._timeouts_in_a_row = 0
        #: How many calls ended their process, as long as no call returned; then None.
        self._only_deaths: int | None = 0

    @functools.cached_property
    def serialized(self) -> SerializedObject:
        return self.format.serialized()

    def ask(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        role: Role = Role.PLAIN,
        seconds: float | None = None,
        memory: int = MEMORY_LIMIT,
        file_size: int | None = None,
    ) -> Any:
        """Return ``function(context, *arguments)`` from the worker of a role.

        ``seconds`` defaults to the format's time limit. A format that always times out soon gets less time, or a run would take
        days. Raise WorkerDied, CannotSerialize, and the EarlyResult or CannotBuild that the function raises.
        """
        worker = self.worker(role)
        seconds = self.format.time_limit if seconds is None else seconds
        if self._timeouts_in_a_row >= _TIMEOUTS_IN_A_ROW:
            seconds = min(seconds, max(seconds / _SHORTER, 1.0))
        limits: dict[str, Any] = {"seconds": seconds, "memory": memory, "file_size": file_size}
        try:
            value = worker.ask(self._answer, self.serialized, str(self.folder), function, arguments, raises=_ERRORS, **limits)
        except _ERRORS:
            self._timeouts_in_a_row, self._only_deaths = 0, None
            raise
        except WorkerDied as died:
            self.timeouts += died.timed_out
            self._timeouts_in_a_row = self._timeouts_in_a_row + 1 if died.timed_out else 0
            self._only_deaths = None if self._only_deaths is None else self._only_deaths + 1
            raise
        self._timeouts_in_a_row, self._only_deaths = 0, None
        return value

    def observe(self, function: Callable[..., Observation], *arguments: Any, **options: Any) -> Observation:
        """Return the same as `ask`. Its exceptions become observations."""
        try:
            found: Observation = self.ask(function, *arguments, **options)
        except WorkerDied as died:
            return Observation(crashed=str(died))
        except (CannotSerialize, CannotBuild) as error:
            return Observation(skipped=str(error))
        except EarlyResult as early:
            return early.observation
        return found

    @property
    def hopeless(self) -> bool:
        """Whether several calls were made and none of the processes survived."""
        return (self._only_deaths or 0) >= _DEATHS

    def worker(self, role: Role) -> Worker:
        """Return the worker of a role, in which everything that the format needs is imported."""
        serialized = self.serialized
        worker = self.workers.get((serialized.digest, role.name), self._start(role))
        if not worker.knows(serialized):
            worker.ask(self._answer, serialized, str(self.folder), self._warm_up, (), **_GENEROUS)
        return worker

    def end(self, role: Role = Role.PLAIN) -> None:
        """End the worker of a role, so that the next call gets a fresh process."""
        self.workers.stop((self.serialized.digest, role.name))

    def _start(self, role: Role) -> Callable[[pathlib.Path], Worker]:
        """Return the function that starts the worker of a role. It receives the path of the worker's log."""
        if role in (Role.CONFINED, Role.FULL_DISK):
            disk = self.folder / "small-disk"
            disk.mkdir(exist_ok=True)
            return functools.partial(Worker, confined=disk)
        if role in DELAYS:
            return functools.partial(slowed_worker, delay=DELAYS[role] * DELAY)
        if role is Role.TRACED:
            return traced_worker
        if role is Role.OTHER_HASHES:
            # The order of a set of strings depends on their hashes, also where this process was started with a fixed seed.
            seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
            return functools.partial(Worker, environment={"PYTHONHASHSEED": seed, "USER": "somebody", "LOGNAME": "somebody"})
        return Worker
