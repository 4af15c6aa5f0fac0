"""Start one worker, send it questions, and stop it. `child` is the code that runs in the worker."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from .limits import MEMORY_LIMIT
from .protocol import Answer, AnswerKind, Question, WorkerSettings
from .serialization import CannotSerialize, SerializedObject

#: Seconds in which a worker has to start.
START_SECONDS = 180.0
#: A worker first receives this process's module search path, so that both import the same modules.
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from pytest_ckpt.workers.child import main; main()"


class WorkerDied(Exception):
    """The worker crashed, exited, ``timed_out``, or exceeded a limit. The message gives the signal, the exit code or the limit."""

    def __init__(self, message: str, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class RemoteError(Exception):
    """A question raised an exception that it should not raise. This is a bug in this package; the message is the traceback."""


class Worker:
    """A process that answers questions.

    Its output goes to the file ``log``, and its temporary files to a folder next to that. With
    ``confined`` it gives up its privileges and mounts a small disk at that folder. ``launcher`` is a
    command under which it is started, such as a tracer. ``environment`` is added to the environment
    of this process. Raise `WorkerDied` if the worker does not start.
    """

    def __init__(
        self,
        log: pathlib.Path,
        confined: pathlib.Path | None = None,
        launcher: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._known: set[bytes] = set()
        questions, our_questions = os.pipe()
        our_answers, answers = os.pipe()
        settings = WorkerSettings(questions, answers, os.getpid(), bool(launcher), confined)
        # Temporary files that the worker leaves behind are removed together with the folder of the log.
        temporary = log.with_suffix(".temporary")
        temporary.mkdir(exist_ok=True)
        variables = {
            "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow prints nothing at its start
            **os.environ,
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
            **(environment or {}),
        }
        import_path = json.dumps([os.path.abspath(entry) for entry in sys.path])
        arguments = json.dumps(dataclasses.asdict(settings), default=str)
        command = [*launcher, sys.executable, "-B", "-P", "-c", _START, import_path, arguments]
        try:
            with log.open("wb") as output:
                # In a separate session Ctrl-C does not reach the worker; this process stops its workers itself.
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    pass_fds=(questions, answers), start_new_session=True, env=variables,
                )  # fmt: skip
        finally:
            os.close(questions)
            os.close(answers)
        self._questions = Connection(our_questions, readable=False)
        self._answers = Connection(our_answers, writable=False)
        try:
            self._receive(START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def ask(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        seconds: float,
        memory: int = MEMORY_LIMIT,
        file_size: int | None = None,
        raises: tuple[type[BaseException], ...] = (),
    ) -> Any:
        """Call ``function(*arguments)`` in the worker and return the result.

        A `SerializedObject` among the arguments is sent only once and is unpickled in the worker.
        ``seconds`` is the time limit. ``memory`` is the number of bytes that the function may
        allocate in addition to the memory in use, and ``file_size`` the largest size of a file that
        it may write.

        Raise an exception of the classes ``raises`` if the function raised it, `RemoteError` if it
        raised any other, `CannotSerialize` if an argument cannot be unpickled in the worker, and
        `WorkerDied` if the worker crashed or exceeded a limit.
        """
        positions = [position for position, each in enumerate(arguments) if isinstance(each, SerializedObject)]
        sent = [each.digest if isinstance(each, SerializedObject) else each for each in arguments]
        new = {each.digest: each.data for each in arguments if isinstance(each, SerializedObject) and each.digest not in self._known}
        question = Question(function, sent, positions, new, memory, file_size, raises)
        try:
            self._questions.send_bytes(pickle.dumps(question))
            answer = self._receive(seconds)
        except OSError:
            raise self._death() from None
        except BaseException:
            self.stop()  # an answer that arrives later would be taken for the answer to the next question
            raise
        match answer.kind:
            case AnswerKind.ERROR:
                raise RemoteError(answer.value)
            case AnswerKind.CANNOT_UNPICKLE:
                raise CannotSerialize(f"the object cannot be unpickled in another process: {answer.value}")
            case AnswerKind.OUT_OF_MEMORY:
                self.stop()
                raise WorkerDied(answer.value)
        self._known.update(new)
        if answer.kind is AnswerKind.RAISED:
            raise answer.value
        return answer.value

    def _receive(self, seconds: float) -> Answer:
        if not self._answers.poll(seconds):
            self.stop()
            raise WorkerDied(f"timed out: no answer within {seconds:g} s", timed_out=True)
        try:
            answer: Answer = pickle.loads(self._answers.recv_bytes())
        except (EOFError, OSError):
            raise self._death() from None
        return answer

    def _death(self) -> WorkerDied:
        """Return an exception that says how the process ended, with the last line of its output."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        code = self.process.poll()
        self.stop()
        if code is None:
            how = "closed its connection"
        elif code < 0:
            how = f"died with {signal.Signals(-code).name}"
        else:
            how = f"exited with code {code}"
        return WorkerDied(f"the process {how}{self._last_output()}")

    def _last_output(self, limit: int = 300) -> str:
        with contextlib.suppress(OSError):
            lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
            if lines:
                return f"; its last output: {lines[-1][:limit]}"
        return ""

    def knows(self, obj: SerializedObject) -> bool:
        """Return whether the object was sent to the worker already."""
        return obj.digest in self._known

    @property
    def alive(self) -> bool:
        """Whether the worker can still be asked."""
        return self.process.poll() is None and not self._answers.closed

    def stop(self) -> None:
        """Kill the worker and every process that it has started, and wait for it. Do nothing if it was stopped before."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._questions.close()
        self._answers.close()
