"""What a worker and the process that started it exchange: settings, questions and answers."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class WorkerSettings:
    """How a worker was started. The defaults describe a process that is not a worker.

    ``questions`` and ``answers`` are the descriptors of its pipes, and ``parent`` is the id of the
    process that started it. ``traced`` tells whether it runs under a tracer. ``small_disk`` is the
    folder at which a confined worker has mounted a small disk, or None if that is impossible here.
    """

    questions: int = -1
    answers: int = -1
    parent: int = 0
    traced: bool = False
    small_disk: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Question:
    """A function to call in the worker, with its arguments and limits.

    An argument at one of the ``serialized`` positions is the digest of an object, which the worker
    knows already or finds among ``new_objects``. ``memory`` and ``file_size`` are limits in bytes.
    An exception of one of the classes ``raises`` is an expected answer.
    """

    function: Callable[..., Any]
    arguments: Sequence[Any]
    serialized: Sequence[int]
    new_objects: Mapping[bytes, bytes]
    memory: int
    file_size: int | None
    raises: tuple[type[BaseException], ...]


class AnswerKind(enum.Enum):
    """How a question ended in the worker."""

    #: The value is what the function returned.
    RETURNED = enum.auto()
    #: The value is an exception that the question expects.
    RAISED = enum.auto()
    #: The value is the traceback of any other exception, as text.
    ERROR = enum.auto()
    #: The value describes the memory limit that was exceeded.
    OUT_OF_MEMORY = enum.auto()
    #: The value describes why an object could not be unpickled.
    CANNOT_UNPICKLE = enum.auto()


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a worker sends back for each question, and once after it has started."""

    kind: AnswerKind
    value: Any = None
