"""Processes that save, load, crash and are limited in place of this one.

A worker is started fresh, not forked, and kept for many questions. A question is a function of this package and what it is
given; the answer is what the function returns. Whatever becomes of the worker, this process goes on, and when it ends, so do
they. Knows no format, no spec and no verdict.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from .serialization import CannotSerialize, SerializedObject, serialize

#: Bytes of data that a question may take above what the process holds when it is asked.
MEMORY = 256 << 20
#: Seconds that a process has to start and import its framework.
START_SECONDS = 180.0
#: How many workers of one pool live at once; the one that was idle for longest makes room.
ALIVE = 3
#: Before anything else a worker gets the places where this process looks for modules, so that both import the same.
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from pytest_ckpt.workers.child import main; main()"


class WorkerDied(Exception):
    """The worker died, ``hung``, or ran out of a limit; the message says which, with the signal or the limit."""

    def __init__(self, message: str, hung: bool = False) -> None:
        super().__init__(message)
        self.hung = hung


class Failed(Exception):
    """The question itself is wrong, not the answer: an error of this package, with the traceback in the worker."""


class Worker:
    """One process. ``log`` is where what it prints goes, and beside it stand its temporary files; ``confined`` takes away its privileges
    and gives it a small disk of its own at that folder; ``before`` is a command that it is started under, such as a tracer;
    ``environment`` is added to that of this process.
    """

    def __init__(
        self,
        log: pathlib.Path,
        confined: pathlib.Path | None = None,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._known: set[bytes] = set()
        to_child, ours_out = os.pipe()
        ours_in, from_child = os.pipe()
        settings = {
            "in": to_child,
            "out": from_child,
            "parent": os.getpid(),
            "confined": confined and str(confined),
            "traced": bool(before),
        }
        # Temporary files that nobody removes are gone with the folder of the log.
        temporary = log.with_suffix(".temporary")
        temporary.mkdir(exist_ok=True)
        places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
        paths = [os.path.abspath(entry) for entry in sys.path]
        command = [*before, sys.executable, "-B", "-P", "-c", _START, json.dumps(paths), json.dumps(settings)]
        try:
            with log.open("wb") as output:
                # A group of its own: Ctrl-C at a terminal is for this process, which ends its workers itself.
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    pass_fds=(to_child, from_child), start_new_session=True, env={**_surroundings(), **places, **(environment or {})},
                )  # fmt: skip
        finally:
            os.close(to_child)
            os.close(from_child)
        self._out = Connection(ours_out, readable=False)
        self._in = Connection(ours_in, writable=False)
        try:
            self._answer(START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def ask(self, function: Callable[..., Any], *arguments: Any, seconds: float, memory: int = MEMORY, file_size: int | None = None) -> Any:
        """What ``function(*arguments)`` returns there. Arguments that are `SerializedObject`s are sent once and unpacked there.

        ``seconds`` is how long it may take, ``memory`` how many bytes of data it may hold above what the process has when it is asked,
        ``file_size`` how long a file it may write. Raises Died, Failed, and CannotTravel where a parcel cannot be unpacked there.
        """
        parcels = {each.digest: each.data for each in arguments if isinstance(each, SerializedObject) and each.digest not in self._known}
        sent = [each.digest if isinstance(each, SerializedObject) else each for each in arguments]
        places = [place for place, each in enumerate(arguments) if isinstance(each, SerializedObject)]
        try:
            self._out.send_bytes(pickle.dumps((function, sent, places, parcels, memory, file_size)))
            answer = self._answer(seconds)
        except OSError:
            raise self._death() from None
        except (Failed, CannotSerialize):
            raise
        except BaseException:
            self.stop()  # it is in the middle of something that nobody waits for any more
            raise
        self._known.update(parcels)
        return answer

    def _answer(self, seconds: float) -> Any:
        if not self._in.poll(seconds):
            self.stop()
            raise WorkerDied(f"hung: no answer within the limit of {seconds:g} s", hung=True)
        try:
            kind, value = pickle.loads(self._in.recv_bytes())
        except (EOFError, OSError):
            raise self._death() from None
        if kind == "failed":
            raise Failed(value)
        if kind == "memory":
            raise WorkerDied(value)
        if kind == "stranded":
            raise CannotSerialize(f"the object cannot be unpickled in another process: {value}")
        return value

    def _death(self) -> WorkerDied:
        """How the process came to its end, and its last words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        code = self.process.poll()
        self.stop()
        if code is None:
            how = "closed its connection"
        elif code < 0:
            how = f"died of {signal.Signals(-code).name}"
        else:
            how = f"ended itself with the exit code {code}"
        return WorkerDied(f"the process {how}{self._last_words()}")

    def _last_words(self, limit: int = 300) -> str:
        with contextlib.suppress(OSError):
            lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
            if lines:
                return f"; its last words: {lines[-1][:limit]}"
        return ""

    def knows(self, parcel: SerializedObject) -> bool:
        """Whether the object was sent to it already."""
        return parcel.digest in self._known

    @property
    def alive(self) -> bool:
        return self.process.poll() is None and not self._in.closed

    def stop(self) -> None:
        """Ends the process and all that it has started, and waits for it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._out.close()
        self._in.close()


class Workers:
    """A pool of workers by role. A context manager: none is left when it is left."""

    def __init__(self, folder: pathlib.Path, alive: int = ALIVE) -> None:
        self.folder = folder
        self._most = alive
        self._workers: collections.OrderedDict[Any, Worker] = collections.OrderedDict()
        self._numbers = itertools.count()
        self._lock = threading.RLock()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def get(self, role: Any, start: Callable[[pathlib.Path], Worker] = Worker) -> Worker:
        """The worker of this role, started with ``start(log)`` where there is none, or it has died."""
        with self._lock:
            worker = self._workers.pop(role, None)
            if worker is None or not worker.alive:
                if worker is not None:
                    worker.stop()
                while len(self._workers) >= self._most:
                    self._workers.popitem(last=False)[1].stop()
                self.folder.mkdir(parents=True, exist_ok=True)
                worker = start(self.folder / f"worker-{next(self._numbers)}.log")
            self._workers[role] = worker
            return worker

    def end(self, role: Any) -> None:
        """Ends the worker of this role, so that the next one is fresh."""
        with self._lock:
            if (worker := self._workers.pop(role, None)) is not None:
                worker.stop()

    def close(self) -> None:
        with self._lock:
            while self._workers:
                self._workers.popitem()[1].stop()


def _surroundings() -> dict[str, str]:
    """The environment, but that TensorFlow says nothing while it starts."""
    return {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}


__all__ = ["MEMORY", "CannotSerialize", "Failed", "SerializedObject", "Worker", "WorkerDied", "Workers", "serialize"]
