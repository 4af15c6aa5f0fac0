"""What a process has that belongs to all of its code: read, compared, and put back. Knows no format and no framework."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import locale
import logging
import os
import pathlib
import random
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def _umask() -> int:
    before = os.umask(0o077)
    os.umask(before)
    return before


def _numpy_state() -> Any:
    kind, words, *rest = np.random.get_state()
    return (kind, words.tobytes(), *rest)  # type: ignore[union-attr]


def _set_numpy_state(state: Any) -> None:
    kind, words, *rest = state
    np.random.set_state((kind, np.frombuffer(words, np.uint32), *rest))


def _set_environment(variables: dict[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def _set_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        # One that was not set from Python cannot be set from there, and only the main thread can set any.
        if handler is not None and signal.getsignal(number) is not handler:
            with contextlib.suppress(ValueError):
                signal.signal(number, handler)


def _attributes(owner: Any, *names: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    def put_back(values: tuple[Any, ...]) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(owner, name, value)

    return (lambda: tuple(getattr(owner, name) for name in names)), put_back


@dataclasses.dataclass(frozen=True)
class Part:
    """One thing that all code of a process shares: how it is read, and put back."""

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], Any]
    shown: Callable[[Any], str] | None = None


PARTS = (
    Part("the current directory", os.getcwd, os.chdir, repr),
    Part("the umask", _umask, os.umask, oct),
    Part("the environment", lambda: dict(os.environ), _set_environment),
    Part("the state of random", random.getstate, random.setstate),
    Part("the state of numpy.random", _numpy_state, _set_numpy_state),
    Part("numpy's treatment of errors", np.geterr, lambda value: np.seterr(**value)),
    Part("the handlers of signals", _handlers, _set_handlers),
    Part("sys.path", lambda: list(sys.path), lambda value: sys.path.__setitem__(slice(None), value)),
    Part("the standard streams", *_attributes(sys, "stdin", "stdout", "stderr")),
    Part("the hooks of sys", *_attributes(sys, "excepthook", "displayhook")),
    Part("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit, repr),
    Part("the limit of digits of an int", sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    Part("tempfile.tempdir", *_attributes(tempfile, "tempdir")),
    Part("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda value: locale.setlocale(locale.LC_ALL, value), repr),
    Part("the filters of warnings", lambda: list(warnings.filters), lambda value: None),
    Part("warnings.showwarning", *_attributes(warnings, "showwarning")),
    Part("the root logger's level", lambda: logging.root.level, logging.root.setLevel, logging.getLevelName),
    Part("the root logger's handlers", lambda: list(logging.root.handlers), lambda value: logging.root.handlers.__setitem__(slice(None), value)),
    Part("the level below which logging is off", lambda: logging.root.manager.disable, logging.disable),
    Part("whether garbage is collected", gc.isenabled, lambda value: gc.enable() if value else gc.disable()),
)


class _OwnCategory(Warning):
    """Nobody warns of this: it marks where in the filters those of this module end."""


@contextlib.contextmanager
def kept() -> Iterator[Callable[[], list[str]]]:
    """Puts everything back, on leaving. Gives a function that names what is not as it was.

    A filter of warnings that stands first already could be set again unseen, so one that means nothing stands before it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=_OwnCategory)
        before = [(part, part.read()) for part in PARTS]

        def changed() -> list[str]:
            return [_told(part, was, now) for part, was in before if (now := part.read()) != was]

        try:
            yield changed
        finally:
            for part, was in before:
                if part.read() != was:
                    part.put_back(was)


def _told(part: Part, was: Any, now: Any) -> str:
    """What changed, in words; of an environment, which variables."""
    if isinstance(was, dict) and isinstance(now, dict):
        names = sorted(str(name) for name in was.keys() | now.keys() if was.get(name) != now.get(name))
        return f"{part.name} ({', '.join(names)})"
    return part.name if part.shown is None else f"{part.name} (from {part.shown(was)} to {part.shown(now)})"


@contextlib.contextmanager
def own_places(current: pathlib.Path, temporary: pathlib.Path) -> Iterator[None]:
    """Makes one folder the current directory and the other the place for temporary files, and puts those before back."""
    with kept():
        os.chdir(current)
        os.environ.update({name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")})
        tempfile.tempdir = str(temporary)
        yield
