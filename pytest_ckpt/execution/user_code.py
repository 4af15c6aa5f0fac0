"""Call the functions of a format, and turn their exceptions into observations."""

from __future__ import annotations

import contextlib
import pathlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ..formats.base import Format
from ..verdicts import Observation
from ..workers.memory import peak_near_limit
from .alterations import watching
from .checkpoint_files import display_name, remember_state, size_on_disk
from .exceptions import SENTENCE, raised, sentence, shortened

NOTHING_WRITTEN = "save returned, and there is no file at the path that it received"
#: Ends the reason of a skip where a loader that does nothing would pass.
PROVES_NOTHING = "so loading would prove nothing"
SAME_OBJECT = "load returned the same object that was saved, so this says nothing about the file"


#: Whether the warnings of the user's functions are shown.
_shown = False


def shares_with_saved(kind: str, place: str) -> str:
    """Return a sentence: a loaded tree, model or run shares what is at this path with the saved one. The empty path is all of it."""
    return f"the loaded {kind} shares {place} with the saved {kind}, so this says nothing about the file" if place else SAME_OBJECT


class EarlyResult(Exception):
    """Raised to end an example early, with the observation so far."""

    def __init__(self, observation: Observation) -> None:
        super().__init__(observation)
        self.observation = observation


class CannotInspect(Exception):
    """Raised when a loaded object cannot be read: it is closed or deleted, or its methods raise."""


@contextlib.contextmanager
def showing_warnings() -> Iterator[None]:
    """Show the warnings of the user's functions. Elsewhere, all warnings of an example are ignored."""
    global _shown
    before, _shown = _shown, True
    try:
        yield
    finally:
        _shown = before


@contextlib.contextmanager
def _warnings_as_requested() -> Iterator[None]:
    """Show the warnings inside, if that was requested. All other filters stay as they are, and may be changed inside."""
    if not _shown:
        yield
        return
    filters: Any = warnings.filters
    first = ("always", None, Warning, None, 0)
    filters.insert(0, first)
    try:
        yield
    finally:
        # An equal filter may belong to the user.
        filters = warnings.filters  # the function may have put another list in place
        for position, each in enumerate(filters):
            if each is first:
                del filters[position]
                break


def save_and_wait(
    format: Format, save: Callable[[Any, Any], Any], obj: Any, path: pathlib.Path, state: Callable[[], Any] | None = None
) -> int:
    """Call ``save``, call the format's ``wait``, and return the number of bytes on disk.

    What this alters in ``obj`` is collected, see `alterations.watching`. Raise EarlyResult if either
    raises, or if nothing was written.
    """
    names = ("save", "save_model", "save_training")
    label = next((name for name in names if getattr(format, name) is save), "save")
    with watching(obj, state):
        result = call_user_code("save", save, obj, path, label=label)
        if format.wait is not None:
            call_user_code("save", format.wait, result, label="wait")
    remember_state(path)
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


def call_user_code(stage: str, function: Callable[..., Any], *arguments: Any, label: str = "") -> Any:
    """Return ``function(*arguments)``. Raise EarlyResult, with the exception as an observation, if it raises.

    ``stage`` is "save" or "load". ``label`` names the function in the message, if it is not that of the stage.
    Exceptions that concern the test run pass through.
    """
    try:
        with _warnings_as_requested():
            return function(*arguments)
    except (KeyboardInterrupt, GeneratorExit, EarlyResult):
        raise
    except SystemExit as error:
        raise EarlyResult(Observation(crashed=f"{stage} ended the process: SystemExit({error.code!r})")) from error
    except MemoryError as error:
        if (used := peak_near_limit()) is not None:
            text = f"{stage} exceeded its memory limit: it allocated {used >> 20} MiB"
            raise EarlyResult(Observation(crashed=text)) from error
        raise EarlyResult(_failure(stage, error, arguments, label)) from error
    except BaseException as error:
        if concerns_the_run(error):
            raise
        raise EarlyResult(_failure(stage, error, arguments, label)) from error


def concerns_the_run(error: BaseException) -> bool:
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


def _failure(stage: str, error: BaseException, arguments: tuple[Any, ...], label: str) -> Observation:
    rename = _renaming(arguments)
    if isinstance(error, CannotInspect):
        text = shortened(rename(str(error)), 2 * SENTENCE)
        found = raised(error.__cause__ or error, rename)
    else:
        text = f"{label or stage} raised {sentence(error, rename)}"
        found = raised(error, rename)
    return Observation(refused=text, raised=found) if stage == "save" else Observation(unreadable=text, raised=found)


def _renaming(arguments: tuple[Any, ...]) -> Callable[[str], str]:
    """Return a function that replaces the folder and the number of a checkpoint in a text, which differ in every example."""
    paths = [pathlib.Path(argument) for argument in arguments if isinstance(argument, pathlib.Path | str)]

    def rename(text: str) -> str:
        for path in paths:
            if path.is_absolute():
                text = text.replace(str(path.parent), "<folder>").replace(path.name, display_name(path.name))
        return text

    return rename
