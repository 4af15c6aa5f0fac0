"""The code that runs in a worker: it answers one question after another, until its pipe is closed."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import pathlib
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from .limits import limited
from .memory import data_size
from .protocol import Answer, AnswerKind, Question, WorkerSettings
from .sandbox import confine
from .serialization import one_line

_PR_SET_PDEATHSIG = 1
#: Set once, by `main`.
_settings = WorkerSettings()
#: The objects that were received, by digest.
_objects: dict[bytes, Any] = {}


def settings() -> WorkerSettings:
    """Return how this worker was started. In a process that is not a worker, return the defaults."""
    return _settings


def main() -> None:
    """Answer questions. ``sys.argv[2]`` holds the settings as JSON."""
    global _settings
    received = WorkerSettings(**json.loads(sys.argv[2]))
    sys.argv[1:] = []
    # The parent of a traced worker is its tracer, which ends with the process that started it.
    _end_with(None if received.traced else received.parent)
    if received.small_disk is not None:
        folder = pathlib.Path(received.small_disk)
        received = dataclasses.replace(received, small_disk=folder if confine(folder) else None)
        _end_with(received.parent)  # Linux clears this setting when the privileges of a process change
    _settings = received
    for descriptor in (received.questions, received.answers):
        os.set_inheritable(descriptor, False)
    questions, answers = Connection(received.questions, writable=False), Connection(received.answers, readable=False)
    answers.send_bytes(pickle.dumps(Answer(AnswerKind.RETURNED)))
    while True:
        try:
            question = questions.recv_bytes()
        except (EOFError, OSError):
            break
        answers.send_bytes(pickle.dumps(_answer(question)))
    # Threads that a library has started could keep a normal exit from completing.
    os._exit(0)


def _end_with(parent: int | None) -> None:
    """Have the kernel kill this process when its parent ends, for whatever reason."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def _answer(data: bytes) -> Answer:
    expected: tuple[type[BaseException], ...] = ()
    try:
        question: Question = pickle.loads(data)
        expected = question.raises
        for digest, pickled in question.new_objects.items():
            try:
                _objects[digest] = pickle.loads(pickled)
            except Exception as error:
                return Answer(AnswerKind.CANNOT_UNPICKLE, one_line(error))
        arguments = list(question.arguments)
        for position in question.serialized:
            arguments[position] = _objects[arguments[position]]
        return _call(question, arguments)
    except expected as error:
        return Answer(AnswerKind.RAISED, error)
    except BaseException:  # SystemExit included: it becomes an answer, and the worker stays usable
        return Answer(AnswerKind.ERROR, traceback.format_exc())


def _call(question: Question, arguments: list[Any]) -> Answer:
    before = data_size()
    try:
        with limited(question.memory, question.file_size):
            return Answer(AnswerKind.RETURNED, question.function(*arguments))
    except MemoryError:
        limit = f"{question.memory >> 20} MiB in addition to the {before >> 20} MiB in use before"
        return Answer(AnswerKind.OUT_OF_MEMORY, f"the process exceeded its memory limit: {limit}")
