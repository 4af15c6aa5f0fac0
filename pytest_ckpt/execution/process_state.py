"""What a process has that belongs to all of its code: read, compared, and put back. Knows no format and no framework."""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import gc
import locale
import logging
import os
import pathlib
import pickle
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np


def _umask() -> int:
    before = os.umask(0o077)
    os.umask(before)
    return before


def _directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _set_directory(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


def _numpy_state() -> bytes:
    """The state whatever generator it is of, as something that compares."""
    return pickle.dumps(np.random.get_state(legacy=False))


def _set_numpy_state(state: bytes) -> None:
    np.random.set_state(pickle.loads(state))


def _set_temporary_folder(folder: str) -> None:
    tempfile.tempdir = folder


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


def _set_blocked(blocked: set[signal.Signals]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _unset_alarm(was_set: bool) -> None:
    # One that was there, and when it would have been, nobody can bring back.
    if not was_set:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _set_open_files(limits: tuple[int, int]) -> None:
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def _set_log_handlers(handlers: list[logging.Handler]) -> None:
    logging.root.handlers[:] = handlers


def _attributes(owner: Any, *names: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    def put_back(values: tuple[Any, ...]) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(owner, name, value)

    return (lambda: tuple(getattr(owner, name) for name in names)), put_back


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One thing that all code of a process shares: how it is read, and put back."""

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], Any]
    shown: Callable[[Any], str] | None = None


#: What is put back after each trial: others than the format live by it, it is quickly read, and putting it back harms nobody.
SHARED = (
    Part("the current directory", _directory, _set_directory, repr),
    Part("the umask", _umask, os.umask, oct),
    Part("the state of random", random.getstate, random.setstate),
    Part("the standard streams", *_attributes(sys, "stdin", "stdout", "stderr")),
)
#: What else saving and loading may not change. At first use an import may, so it stays as it is after a trial.
SET = (
    Part("the state of numpy.random", _numpy_state, _set_numpy_state),
    Part("numpy's treatment of errors", np.geterr, lambda value: np.seterr(**value)),
    Part("how numpy prints", np.get_printoptions, lambda value: np.set_printoptions(**value)),
    Part("the handlers of signals", _handlers, _set_handlers),
    Part("which signals are blocked", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()), _set_blocked),
    Part("whether an alarm is set", lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0, _unset_alarm),
    Part("the limit of open files", lambda: resource.getrlimit(resource.RLIMIT_NOFILE), _set_open_files, repr),
    Part("the hooks of sys", *_attributes(sys, "excepthook", "displayhook", "unraisablehook")),
    Part("the hook of threads", *_attributes(threading, "excepthook")),
    Part("builtins.open", *_attributes(builtins, "open")),
    Part("the interval of threads", sys.getswitchinterval, sys.setswitchinterval, repr),
    Part("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit, repr),
    Part("the limit of digits of an int", sys.get_int_max_str_digits, sys.set_int_max_str_digits, repr),
    Part("the place for temporary files", tempfile.gettempdir, _set_temporary_folder, repr),
    Part("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda value: locale.setlocale(locale.LC_ALL, value), repr),
    Part("the root logger's level", lambda: logging.root.level, logging.root.setLevel, logging.getLevelName),
    Part("the level below which logging is off", lambda: logging.root.manager.disable, logging.disable, logging.getLevelName),
    Part("whether garbage is collected", gc.isenabled, lambda value: gc.enable() if value else gc.disable()),
    Part("when garbage is collected", gc.get_threshold, lambda value: gc.set_threshold(*value), repr),
    Part("the time that sockets wait", socket.getdefaulttimeout, socket.setdefaulttimeout, repr),
)
#: What libraries add to where they miss something: they would do so again in a process as it was before.
ADDED = (
    Part("the environment", lambda: dict(os.environ), _set_environment),
    Part("sys.path", lambda: list(sys.path), lambda value: sys.path.__setitem__(slice(None), value)),
    Part("the root logger's handlers", lambda: list(logging.root.handlers), _set_log_handlers),
)
OTHERS = (*SET, *ADDED)
#: These are put back by whoever catches warnings.
_WARNINGS = (
    Part("the filters of warnings", lambda: list(warnings.filters), lambda value: None),
    Part("warnings.showwarning", *_attributes(warnings, "showwarning")),
)

#: Values of some parts, by part.
State = dict[Part, Any]


def state_of(parts: Iterable[Part]) -> State:
    return {part: part.read() for part in parts}


@contextlib.contextmanager
def put_back(parts: Iterable[Part]) -> Iterator[None]:
    """Puts these parts back as they are, on leaving."""
    before = state_of(parts)
    try:
        yield
    finally:
        _restore(before)


def _restore(state: State) -> None:
    for part, value in state.items():
        if part.read() != value:
            part.put_back(value)


class _OwnCategory(Warning):
    """Nobody warns of this."""


@contextlib.contextmanager
def watched(state: State) -> Iterator[Callable[[], list[str]]]:
    """Puts the process into a state that it had before a format was used, which may have changed it already, and back on leaving.
    Gives a function that names what is not in that state any more.

    A filter of warnings that stands first could be set again unseen, so one that means nothing stands before it.
    """
    with put_back((*SHARED, *OTHERS)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=_OwnCategory)
        _restore(state)
        wanted = {**state_of((*SHARED, *ADDED, *_WARNINGS)), **state}
        yield lambda: [_told(part, was, now) for part, was in wanted.items() if (now := part.read()) != was]


def _told(part: Part, was: Any, now: Any) -> str:
    """What changed, in words; of an environment, which variables."""
    if isinstance(was, dict) and isinstance(now, dict):
        names = sorted(str(name) for name in was.keys() | now.keys() if was.get(name) != now.get(name))
        return f"{part.name} ({', '.join(names)})"
    return part.name if part.shown is None else f"{part.name} (from {part.shown(was)} to {part.shown(now)})"


@contextlib.contextmanager
def temporary_places(current: pathlib.Path, temporary: pathlib.Path) -> Iterator[None]:
    """Makes one folder the current directory and the other the place for temporary files, and puts those before back."""
    with put_back((*SHARED, *OTHERS)):
        os.chdir(current)
        os.environ.update({name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")})
        tempfile.tempdir = str(temporary)
        yield
