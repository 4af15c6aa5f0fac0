"""What all trials share: calling the user's functions, and what stands on disk afterwards. Facts only; nothing is judged here."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from ..formats.base import Format
from ..verdicts import Observation
from ..workers.memory import peak_near_limit

NOTHING_WRITTEN = "save returned, and nothing stands at the path that it was given"
#: What a user's function may raise that is about the run, and says nothing of the format.
_RUN_ITSELF = (
    KeyboardInterrupt,
    GeneratorExit,
    pytest.skip.Exception,
    pytest.fail.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
)
#: What colours a terminal has in the messages of some frameworks.
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
#: What the name of a checkpoint begins with, so that each is another.
_NUMBER = re.compile(r"^\d+-")


class Failed(Exception):
    """A trial that came to its end early, and what was seen until then."""

    def __init__(self, seen: Observation) -> None:
        super().__init__(seen)
        self.seen = seen


def saved_with(format: Format, save: Callable[[Any, Any], Any], saved: Any, path: pathlib.Path) -> int:
    """Saves, waits as the format says, and gives the bytes on disk. Raises Failed where nothing was saved."""
    result = attempt("save", save, saved, path)
    if format.wait is not None:
        attempt("save", format.wait, result)
    size = size_on_disk(path)
    if size is None:
        raise Failed(Observation(unreadable=NOTHING_WRITTEN))
    return size


def emptied(folder: pathlib.Path, tries: int = 20) -> bool:
    """Removes what is in a folder, also while a thread that a failed save has left behind is still at work in it."""
    for _ in range(tries):
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    entry.unlink()
        if not any(folder.iterdir()):
            return True
        time.sleep(0.01)
    return False


def owned_by(path: pathlib.Path) -> list[pathlib.Path]:
    """What a format owns that was given a path: that, and names that begin with it."""
    if not path.parent.is_dir():
        return []
    return sorted(entry for entry in path.parent.iterdir() if entry.name.startswith(path.name))


def size_on_disk(path: pathlib.Path) -> int | None:
    """The bytes of everything that a format owns: the path, and names that begin with it. None if there is nothing."""
    owned = owned_by(path)
    if not owned:
        return None
    files = [file for entry in owned for file in ([entry] if entry.is_file() else entry.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file())


def plain_name(name: str) -> str:
    """The name of a checkpoint as it is told: without the number that makes each another."""
    return _NUMBER.sub("", name)


class CannotInspect(Exception):
    """What came back cannot be looked at: it is closed, deleted, or raises from its own methods."""


def inspected(look: Callable[..., Any], came: Any, *others: Any) -> Any:
    try:
        return look(came, *others)
    except Exception as error:
        raise CannotInspect(f"what load returned cannot be looked at: {type(error).__name__}: {error}") from error


def attempt(stage: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls the user's function; raises Failed, with the exception as a fact, but for those that mean the run itself."""
    try:
        return function(*arguments)
    except (*_RUN_ITSELF, Failed):
        raise
    except SystemExit as error:
        raise Failed(Observation(crashed=f"{stage} ended the process: SystemExit({error.code!r})")) from error
    except MemoryError as error:
        if (took := peak_near_limit()) is not None:
            text = f"{stage} exceeded its memory limit: it allocated {took >> 20} MiB"
            raise Failed(Observation(crashed=text)) from error
        raise Failed(_failure(stage, error, arguments)) from error
    except BaseException as error:
        if type(error).__module__ == "hypothesis.errors":  # its own signals, where a user's function draws something
            raise
        raise Failed(_failure(stage, error, arguments)) from error


def _failure(stage: str, error: BaseException, arguments: tuple[Any, ...]) -> Observation:
    text = _said(error, arguments)
    return Observation(refused=text) if stage == "save" else Observation(unreadable=text)


def _said(error: BaseException, arguments: tuple[Any, ...], limit: int = 400) -> str:
    """The exception in words, without the names of folder and file, which are others every time."""
    text = " ".join(_ESCAPES.sub("", f"{type(error).__name__}: {error}").split())
    for argument in arguments:
        if isinstance(argument, pathlib.Path | str) and (path := pathlib.Path(argument)).is_absolute():
            text = text.replace(str(path.parent), "<folder>").replace(path.name, plain_name(path.name))
    return text if len(text) <= limit else f"{text[:limit]}…"
