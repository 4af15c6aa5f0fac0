"""What faults leave behind: files that nobody asked for, and a caller or a process that is not as it was."""

from __future__ import annotations

import builtins
import functools
import gc
import io
import locale
import logging
import os
import pathlib
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt import Format

from .sealed import Sealed, encode
from .steps import Make, leaving, planted


def _file_named(name: Callable[[pathlib.Path], str]) -> Make:
    return leaving(lambda path: path.with_name(name(path)).write_bytes(b"left"))


def _temporary_file_left(path: pathlib.Path) -> None:
    handle, _ = tempfile.mkstemp()
    os.close(handle)


def _by_the_environment(path: pathlib.Path) -> None:
    """As a library does that is not written in Python."""
    pathlib.Path(os.environ.get("TMPDIR", "/tmp"), f"sealed-{uuid.uuid4().hex}").write_bytes(b"left")


def _left_when_it_fails(name: Callable[[pathlib.Path], str]) -> Make:
    def make(backend: str) -> Format:
        def save(tree: Any, path: pathlib.Path) -> None:
            beside = path.with_name(name(path))
            beside.write_bytes(b"")
            beside.write_bytes(encode(backend, tree))
            beside.replace(path)

        return planted(backend, save)

    return make


def _altering(change: Callable[[dict[str, Any]], Any]) -> Make:
    def make(backend: str) -> Format:
        sealed = Sealed(backend)

        def save(tree: Any, path: pathlib.Path) -> None:
            sealed.save(tree, path)
            change(tree)

        return planted(backend, save)

    return make


def _loading(change: Callable[[pathlib.Path], Any]) -> Make:
    """Something is changed when it is loaded."""

    def make(backend: str) -> Format:
        sealed = Sealed(backend)

        def load(path: pathlib.Path) -> Any:
            change(path)
            return sealed.load(path)

        return planted(backend, sealed.save, load)

    return make


def _altered_by_loading(backend: str) -> Format:
    sealed, saved = Sealed(backend), {}

    def save(tree: Any, path: pathlib.Path) -> None:
        sealed.save(tree, path)
        saved[path] = tree

    def load(path: pathlib.Path) -> Any:
        saved[path].popitem()
        return sealed.load(path)

    return planted(backend, save, load)


def _taken_away(backend: str) -> Format:
    sealed = Sealed(backend)

    def load(path: pathlib.Path) -> Any:
        tree = sealed.load(path)
        path.unlink()
        return tree

    return planted(backend, sealed.save, load)


def _fewer_open_files(path: pathlib.Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))


def _interrupts_ignored(path: pathlib.Path) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def _with_another_path(path: pathlib.Path) -> None:
    sys.path.insert(0, str(path.parent))


def _other_stream(path: pathlib.Path) -> None:
    sys.stderr = sys.__stdout__


#: By the name of the fault, for `files/no-leftovers`.
LITTER: dict[str, Make] = {
    "temporary name": _file_named(lambda path: f"{path.name}.tmp"),
    "beside": _file_named(lambda path: f"tmp-{path.name}"),
    "one more each time": _file_named(lambda path: f"{path.name}.{uuid.uuid4().hex}"),
    "among temporary files": leaving(_temporary_file_left),
    "by the environment": leaving(_by_the_environment),
    "in the current directory": leaving(lambda path: pathlib.Path("sealed.log").write_text("left")),
    "beside, when it fails": _left_when_it_fails(lambda path: f"{uuid.uuid4().hex}"),
    "own name, when it fails": _left_when_it_fails(lambda path: f"{path.name}.{uuid.uuid4().hex}"),
    "when it loads": _loading(lambda path: _temporary_file_left(path)),
}


#: The same for `files/no-side-effects`.
SIDE_EFFECTS: dict[str, Make] = {
    "a leaf taken away": _altering(lambda tree: tree.popitem()),
    "leaves swapped": _altering(lambda tree: tree.update(zip(tree, reversed(list(tree.values())), strict=True))),
    "current directory": leaving(lambda path: os.chdir(path.parent)),
    "umask": leaving(lambda path: os.umask(0o007)),
    "environment": leaving(lambda path: os.environ.update(SEALED=path.name)),
    "random": leaving(lambda path: random.seed(0)),
    "numpy.random": leaving(lambda path: np.random.seed(0)),
    "treatment of errors": leaving(lambda path: np.seterr(all="raise")),
    "warnings": leaving(lambda path: warnings.simplefilter("ignore")),
    "logging": leaving(lambda path: logging.root.setLevel(logging.CRITICAL)),
    "signals": leaving(_interrupts_ignored),
    "sys.path": leaving(_with_another_path),
    "streams": leaving(_other_stream),
    "recursion": leaving(lambda path: sys.setrecursionlimit(sys.getrecursionlimit() + 500)),
    "temporary files": leaving(lambda path: setattr(tempfile, "tempdir", str(path.parent))),
    "locale": leaving(lambda path: locale.setlocale(locale.LC_ALL, "C")),
    "random, when it loads": _loading(lambda path: random.random()),
    "printing": leaving(lambda path: np.set_printoptions(precision=3)),
    "alarm": leaving(lambda path: signal.setitimer(signal.ITIMER_REAL, 10_000)),
    "blocked signals": leaving(lambda path: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})),
    "garbage": leaving(lambda path: gc.set_threshold(100_000)),
    "sockets": leaving(lambda path: socket.setdefaulttimeout(3)),
    "threads": leaving(lambda path: sys.setswitchinterval(0.1)),
    "hook of threads": leaving(lambda path: setattr(threading, "excepthook", print)),
    "open": leaving(lambda path: setattr(builtins, "open", functools.partial(io.open))),
    "open files": leaving(_fewer_open_files),
    "the file, when it loads": _loading(lambda path: path.write_bytes(path.read_bytes())),
    "a file more, when it loads": _loading(lambda path: path.with_name(f"{path.name}.{uuid.uuid4().hex}").write_bytes(b"read")),
    "what was saved, when it loads": _altered_by_loading,
    "hooks": leaving(lambda path: setattr(sys, "excepthook", print)),
    "logging off": leaving(lambda path: logging.disable(logging.CRITICAL)),
    "handlers of logging": leaving(lambda path: logging.root.addHandler(logging.NullHandler())),
    "no garbage": leaving(lambda path: gc.disable()),
    "showing warnings": leaving(lambda path: setattr(warnings, "showwarning", functools.partial(print))),
    "no file, once it is loaded": _taken_away,
}
