"""Faults for `files/no-side-effects`: they change saved objects or the state of the process."""

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

from .checksummed import Checksummed, MakeFormat, after_save, before_load, format_with


def _changes_saved_tree(change: Callable[[dict[str, Any]], Any]) -> MakeFormat:
    def make(backend: str) -> Format:
        functions = Checksummed(backend)

        def save(tree: Any, path: pathlib.Path) -> None:
            functions.save(tree, path)
            change(tree)

        return format_with(backend, save)

    return make


def _load_changes_saved_tree(backend: str) -> Format:
    functions, saved = Checksummed(backend), {}

    def save(tree: Any, path: pathlib.Path) -> None:
        functions.save(tree, path)
        saved[path] = tree

    def load(path: pathlib.Path) -> Any:
        saved[path].popitem()
        return functions.load(path)

    return format_with(backend, save, load)


def _load_removes_file(backend: str) -> Format:
    functions = Checksummed(backend)

    def load(path: pathlib.Path) -> Any:
        tree = functions.load(path)
        path.unlink()
        return tree

    return format_with(backend, functions.save, load)


def _lower_file_limit(path: pathlib.Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))


def _replace_stderr(path: pathlib.Path) -> None:
    sys.stderr = sys.__stdout__


#: By the name of the fault.
SIDE_EFFECTS: dict[str, MakeFormat] = {
    "removes_saved_leaf": _changes_saved_tree(lambda tree: tree.popitem()),
    "swaps_saved_leaves": _changes_saved_tree(lambda tree: tree.update(zip(tree, reversed(list(tree.values())), strict=True))),
    "changes_current_directory": after_save(lambda path: os.chdir(path.parent)),
    "changes_umask": after_save(lambda path: os.umask(0o007)),
    "changes_environment": after_save(lambda path: os.environ.update(PLANTED=path.name)),
    "seeds_python_rng": after_save(lambda path: random.seed(0)),
    "seeds_numpy_rng": after_save(lambda path: np.random.seed(0)),
    "changes_numpy_error_handling": after_save(lambda path: np.seterr(all="raise")),
    "changes_warning_filters": after_save(lambda path: warnings.simplefilter("ignore")),
    "changes_log_level": after_save(lambda path: logging.root.setLevel(logging.CRITICAL)),
    "changes_signal_handler": after_save(lambda path: signal.signal(signal.SIGUSR1, signal.SIG_IGN)),
    "changes_sys_path": after_save(lambda path: sys.path.insert(0, str(path.parent))),
    "replaces_stderr": after_save(_replace_stderr),
    "changes_recursion_limit": after_save(lambda path: sys.setrecursionlimit(sys.getrecursionlimit() + 500)),
    "changes_temporary_folder": after_save(lambda path: setattr(tempfile, "tempdir", str(path.parent))),
    "changes_locale": after_save(lambda path: locale.setlocale(locale.LC_ALL, "C")),
    "load_draws_random_number": before_load(lambda path: random.random()),
    "changes_numpy_print_options": after_save(lambda path: np.set_printoptions(precision=3)),
    "starts_timer": after_save(lambda path: signal.setitimer(signal.ITIMER_REAL, 10_000)),
    "blocks_signal": after_save(lambda path: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})),
    "changes_gc_threshold": after_save(lambda path: gc.set_threshold(100_000)),
    "changes_socket_timeout": after_save(lambda path: socket.setdefaulttimeout(3)),
    "changes_switch_interval": after_save(lambda path: sys.setswitchinterval(0.1)),
    "replaces_thread_excepthook": after_save(lambda path: setattr(threading, "excepthook", print)),
    "replaces_open": after_save(lambda path: setattr(builtins, "open", functools.partial(io.open))),
    "lowers_open_file_limit": after_save(_lower_file_limit),
    "load_rewrites_file": before_load(lambda path: path.write_bytes(path.read_bytes())),
    "load_adds_file": before_load(lambda path: path.with_name(f"{path.name}.{uuid.uuid4().hex}").write_bytes(b"read")),
    "load_changes_saved_tree": _load_changes_saved_tree,
    "replaces_excepthook": after_save(lambda path: setattr(sys, "excepthook", print)),
    "disables_logging": after_save(lambda path: logging.disable(logging.CRITICAL)),
    "adds_log_handler": after_save(lambda path: logging.root.addHandler(logging.NullHandler())),
    "disables_gc": after_save(lambda path: gc.disable()),
    "replaces_showwarning": after_save(lambda path: setattr(warnings, "showwarning", functools.partial(print))),
    "load_removes_file": _load_removes_file,
}
