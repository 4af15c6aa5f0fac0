"""The state that all code of a process shares: read it, compare it, and restore it. Knows no format and no framework."""

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
    """Return the state of numpy's global generator, of any kind, in a form that can be compared."""
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
        # A handler that was not set from Python cannot be set from Python, and only the main thread can set handlers.
        if handler is not None and signal.getsignal(number) is not handler:
            with contextlib.suppress(ValueError):
                signal.signal(number, handler)


def _set_blocked(blocked: set[signal.Signals]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _unset_alarm(was_set: bool) -> None:
    # An alarm that was set and has been replaced cannot be restored.
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
    """One part of the shared state: its name, and the functions that read it, restore it and show a value of it."""

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], Any]
    shown: Callable[[Any], str] | None = None


#: Restored after each example: other code depends on these parts, they are read quickly, and restoring them does no harm.
SHARED = (
    Part("the current directory", _directory, _set_directory, repr),
    Part("the umask", _umask, os.umask, oct),
    Part("the state of random", random.getstate, random.setstate),
    Part("the standard streams", *_attributes(sys, "stdin", "stdout", "stderr")),
)
#: Other parts that saving and loading must not change. An import at first use may change them, so they are not restored.
SET = (
    Part("the state of numpy.random", _numpy_state, _set_numpy_state),
    Part("numpy's error handling", np.geterr, lambda value: np.seterr(**value)),
    Part("numpy's print options", np.get_printoptions, lambda value: np.set_printoptions(**value)),
    Part("the signal handlers", _handlers, _set_handlers),
    Part("the blocked signals", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()), _set_blocked),
    Part("the alarm", lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0, _unset_alarm),
    Part("the limit of open files", lambda: resource.getrlimit(resource.RLIMIT_NOFILE), _set_open_files, repr),
    Part("the hooks of sys", *_attributes(sys, "excepthook", "displayhook", "unraisablehook")),
    Part("threading.excepthook", *_attributes(threading, "excepthook")),
    Part("builtins.open", *_attributes(builtins, "open")),
    Part("the switch interval of threads", sys.getswitchinterval, sys.setswitchinterval, repr),
    Part("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit, repr),
    Part("the limit of digits of int", sys.get_int_max_str_digits, sys.set_int_max_str_digits, repr),
    Part("the folder for temporary files", tempfile.gettempdir, _set_temporary_folder, repr),
    Part("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda value: locale.setlocale(locale.LC_ALL, value), repr),
    Part("the root logger's level", lambda: logging.root.level, logging.root.setLevel, logging.getLevelName),
    Part("the level below which logging is disabled", lambda: logging.root.manager.disable, logging.disable, logging.getLevelName),
    Part("garbage collection", gc.isenabled, lambda value: gc.enable() if value else gc.disable()),
    Part("the thresholds of garbage collection", gc.get_threshold, lambda value: gc.set_threshold(*value), repr),
    Part("the default timeout of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout, repr),
)
#: Parts to which libraries add when something is missing. After a restore they would add it again.
ADDED = (
    Part("the environment", lambda: dict(os.environ), _set_environment),
    Part("sys.path", lambda: list(sys.path), lambda value: sys.path.__setitem__(slice(None), value)),
    Part("the root logger's handlers", lambda: list(logging.root.handlers), _set_log_handlers),
)
OTHERS = (*SET, *ADDED)
#: `warnings.catch_warnings` restores these.
_WARNINGS = (
    Part("the warning filters", lambda: list(warnings.filters), lambda value: None),
    Part("warnings.showwarning", *_attributes(warnings, "showwarning")),
)

#: Values of some parts, by part.
State = dict[Part, Any]


def state_of(parts: Iterable[Part]) -> State:
    return {part: part.read() for part in parts}


@contextlib.contextmanager
def put_back(parts: Iterable[Part]) -> Iterator[None]:
    """Restore these parts on exit."""
    before = state_of(parts)
    try:
        yield
    finally:
        _restore(before)


def _restore(state: State) -> None:
    for part, value in state.items():
        if part.read() != value:
            part.put_back(value)


class _UnusedCategory(Warning):
    """A category that no code uses."""


@contextlib.contextmanager
def watched(state: State) -> Iterator[Callable[[], list[str]]]:
    """Put the process into the state that it had before a format was used, and restore the current state on exit.

    Give a function that names the parts that have changed since. A filter for warnings that is already the first could be set again
    without a trace, so a filter that does nothing is put in front of it.
    """
    with put_back((*SHARED, *OTHERS)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=_UnusedCategory)
        _restore(state)
        wanted = {**state_of((*SHARED, *ADDED, *_WARNINGS)), **state}
        yield lambda: [_describe(part, was, now) for part, was in wanted.items() if (now := part.read()) != was]


def _describe(part: Part, was: Any, now: Any) -> str:
    """Describe a change; for the environment, name the variables."""
    if isinstance(was, dict) and isinstance(now, dict):
        names = sorted(str(name) for name in was.keys() | now.keys() if was.get(name) != now.get(name))
        return f"{part.name} ({', '.join(names)})"
    return part.name if part.shown is None else f"{part.name} (from {part.shown(was)} to {part.shown(now)})"


@contextlib.contextmanager
def temporary_places(current: pathlib.Path, temporary: pathlib.Path) -> Iterator[None]:
    """Make one folder the current directory and another the folder for temporary files, and restore both on exit."""
    with put_back((*SHARED, *OTHERS)):
        os.chdir(current)
        os.environ.update({name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")})
        tempfile.tempdir = str(temporary)
        yield
