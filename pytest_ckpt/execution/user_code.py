"""Call the functions of a format, and turn their exceptions into observations."""

from __future__ import annotations

import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

from ..formats.base import Format
from ..verdicts import Observation
from ..workers.memory import peak_near_limit
from .checkpoint_files import display_name, size_on_disk

NOTHING_WRITTEN = "save returned, and there is no file at the path that it received"
#: Ends the reason of a skip where a loader that does nothing would pass.
PROVES_NOTHING = "so loading would prove nothing"
SAME_OBJECT = "load returned the same object that was saved, so this says nothing about the file"
#: Colour codes, which some frameworks write into their messages.
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class EarlyResult(Exception):
    """Raised to end an example early, with the observation so far."""

    def __init__(self, observation: Observation) -> None:
        super().__init__(observation)
        self.observation = observation


class CannotInspect(Exception):
    """Raised when a loaded object cannot be read: it is closed or deleted, or its methods raise."""


def save_and_wait(format: Format, save: Callable[[Any, Any], Any], obj: Any, path: pathlib.Path) -> int:
    """Call ``save``, call the format's ``wait``, and return the number of bytes on disk.

    Raise EarlyResult if either raises, or if nothing was written.
    """
    result = call_user_code("save", save, obj, path)
    if format.wait is not None:
        call_user_code("save", format.wait, result)
    size = size_on_disk(path)
    if size is None:
        raise EarlyResult(Observation(unreadable=NOTHING_WRITTEN))
    return size


def inspect_loaded(function: Callable[..., Any], loaded: Any, *others: Any) -> Any:
    """Return ``function(loaded, *others)``. Raise CannotInspect if it raises."""
    try:
        return function(loaded, *others)
    except Exception as error:
        raise CannotInspect(f"the loaded object cannot be read: {type(error).__name__}: {error}") from error


def call_user_code(stage: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``function(*arguments)``. Raise EarlyResult, with the exception as an observation, if it raises.

    ``stage`` is "save" or "load". Exceptions that concern the test run pass through.
    """
    try:
        return function(*arguments)
    except (KeyboardInterrupt, GeneratorExit, EarlyResult):
        raise
    except SystemExit as error:
        raise EarlyResult(Observation(crashed=f"{stage} ended the process: SystemExit({error.code!r})")) from error
    except MemoryError as error:
        if (used := peak_near_limit()) is not None:
            text = f"{stage} exceeded its memory limit: it allocated {used >> 20} MiB"
            raise EarlyResult(Observation(crashed=text)) from error
        raise EarlyResult(_failure(stage, error, arguments)) from error
    except BaseException as error:
        if _concerns_the_run(error):
            raise
        raise EarlyResult(_failure(stage, error, arguments)) from error


def _concerns_the_run(error: BaseException) -> bool:
    """Return whether this is an outcome of pytest, such as a skip, or a signal of Hypothesis, which a function sends if it draws a value.

    Such an exception says nothing about the format. A worker does not import pytest, which would take
    a third of its start; if nobody has imported pytest, nobody has raised its exceptions.
    """
    pytest = sys.modules.get("pytest")
    if pytest is not None:
        outcomes = (pytest.skip.Exception, pytest.fail.Exception, pytest.xfail.Exception, pytest.exit.Exception)
        if isinstance(error, outcomes):
            return True
    return type(error).__module__ == "hypothesis.errors"


def _failure(stage: str, error: BaseException, arguments: tuple[Any, ...]) -> Observation:
    text = _exception_text(error, arguments)
    return Observation(refused=text) if stage == "save" else Observation(unreadable=text)


def _exception_text(error: BaseException, arguments: tuple[Any, ...], limit: int = 400) -> str:
    """Return the exception as text, without the folder and the number of a checkpoint, which differ in every example."""
    text = " ".join(_ESCAPES.sub("", f"{type(error).__name__}: {error}").split())
    for argument in arguments:
        if isinstance(argument, pathlib.Path | str) and (path := pathlib.Path(argument)).is_absolute():
            text = text.replace(str(path.parent), "<folder>").replace(path.name, display_name(path.name))
    return text if len(text) <= limit else f"{text[:limit]}…"
