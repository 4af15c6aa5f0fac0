"""Faults for the family `process`: a format keeps state in the process, or works too late."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pickle
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from pytest_ckpt import Format

from .checksummed import (
    MAGIC,
    Checksummed,
    MakeFormat,
    checksummed_format,
    decode,
    encode,
    format_with,
    verify_checksum,
    with_writer,
    write_atomically,
)
from .races import RACES


def faults(case: str, backend: str) -> dict[str, Format]:
    """Return the formats that the check ``process/case`` must fail, by the name of the fault."""
    return {name: make(backend) for name, make in _FAULTS[case].items()}


_IN_MEMORY: dict[str, Any] = {}


def _keeps_tree_in_memory(backend: str) -> Format:
    """Keep the tree in the process that saves, and write only its key to the file."""

    def save(tree: Any, path: pathlib.Path) -> None:
        _IN_MEMORY[str(path)] = encode(backend, tree)
        path.write_text(str(path))

    return format_with(backend, save, lambda path: decode(backend, verify_checksum(_IN_MEMORY[path.read_text()])))


def _resaves_by_reference(backend: str) -> Format:
    """Save a tree that was loaded as the name of the file that it came from."""
    functions = Checksummed(backend)

    class Loaded(dict[str, Any]):
        origin = ""

    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_text(tree.origin) if hasattr(tree, "origin") else functions.save(tree, path)

    def load(path: pathlib.Path) -> Any:
        data = path.read_bytes()
        if not data.startswith(MAGIC):
            return load(pathlib.Path(data.decode()))
        tree = Loaded(functions.load(path))
        tree.origin = str(path)
        return tree

    return format_with(backend, save, load)


def _returns_cached_object(backend: str) -> Format:
    """Return the same object from each load of a file."""
    functions = Checksummed(backend)
    cache: dict[tuple[str, int], Any] = {}

    def load(path: pathlib.Path) -> Any:
        key = str(path), path.stat().st_mtime_ns
        if key not in cache:
            cache[key] = functions.load(path)
        return cache[key]

    return format_with(backend, functions.save, load)


class _LazyDict(dict[str, Any]):
    """A dict that reads the file at every access."""

    read: Callable[[], Any]

    def items(self) -> Any:
        return self.read().items()

    def values(self) -> Any:
        return self.read().values()

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __getitem__(self, key: str) -> Any:
        return self.read()[key]


def _reads_file_at_access(backend: str) -> Format:
    functions = Checksummed(backend)

    def load(path: pathlib.Path) -> Any:
        tree = _LazyDict(functions.load(path))
        tree.read = lambda: functions.load(path)
        return tree

    return format_with(backend, functions.save, load)


def _encodes_in_background(backend: str) -> Format:
    """Encode the tree in a thread, after `save` has returned."""
    functions = Checksummed(backend)

    def save(tree: Any, path: pathlib.Path) -> Any:
        def work() -> None:
            time.sleep(0.05)
            functions.save(tree, path)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    return format_with(backend, save, wait=lambda thread: thread.join())


def _encodes_small_leaves_in_background(backend: str) -> Format:
    """Copy large leaves before `save` returns, but read small leaves later in a thread."""

    def save(tree: Any, path: pathlib.Path) -> Any:
        data = {name: encode(backend, {name: leaf}) for name, leaf in tree.items()}

        def work() -> None:
            time.sleep(0.05)
            late = {name: encode(backend, {name: tree[name]}) for name, copy in data.items() if len(copy) < 1 << 12}
            write_atomically(path, pickle.dumps({**data, **late}))

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def load(path: pathlib.Path) -> Any:
        return {name: decode(backend, verify_checksum(data))[name] for name, data in pickle.loads(path.read_bytes()).items()}

    return format_with(backend, save, load, wait=lambda thread: thread.join())


def _stores_path(text: Callable[[pathlib.Path], str]) -> MakeFormat:
    """Write the data to a second file, and store its path as text."""

    def make(backend: str) -> Format:
        functions = Checksummed(backend)

        def save(tree: Any, path: pathlib.Path) -> None:
            data = path.with_name(f"{path.name}.data")
            functions.save(tree, data)
            path.write_text(text(data))

        return format_with(backend, save, lambda path: functions.load(pathlib.Path(path.read_text())))

    return make


def _write_with_copies(path: pathlib.Path, data: bytes) -> None:
    copies = [bytearray(data) for _ in range(4)]
    write_atomically(path, bytes(copies[-1]))


def _load_copies_data(backend: str) -> Format:
    functions = Checksummed(backend)

    def load(path: pathlib.Path) -> Any:
        copies = [bytearray(path.read_bytes()) for _ in range(4)]
        return decode(backend, verify_checksum(bytes(copies[-1])))

    return format_with(backend, functions.save, load)


_LEAKED: list[Any] = []


@dataclasses.dataclass(frozen=True)
class _LeakingWriter:
    """Writes a file, and keeps an object for every save."""

    make: Callable[[pathlib.Path, bytes], Any]

    def __call__(self, path: pathlib.Path, data: bytes) -> None:
        write_atomically(path, data)
        _LEAKED.append(self.make(path, data))


def _leaks(make: Callable[[pathlib.Path, bytes], Any]) -> MakeFormat:
    return lambda backend: checksummed_format(backend, write=_LeakingWriter(make))


def _copy_data(path: pathlib.Path, data: bytes) -> bytearray:
    return bytearray(data)


def _open_file(path: pathlib.Path, data: bytes) -> Any:
    return path.open("rb")


def _start_thread(path: pathlib.Path, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    return thread


def _add_numbered_file(path: pathlib.Path, data: bytes) -> None:
    path.with_name(f"{path.name}.{len(_LEAKED)}").write_bytes(b"x")


#: By case, then by the name of the fault.
_FAULTS: dict[str, dict[str, MakeFormat]] = {
    **RACES,
    "fresh-process": {"keeps_tree_in_memory": _keeps_tree_in_memory},
    "resave": {"resaves_by_reference": _resaves_by_reference},
    "load-twice": {"returns_cached_object": _returns_cached_object},
    "delete-after-load": {"reads_file_at_access": _reads_file_at_access},
    "change-after-save": {
        "encodes_in_background": _encodes_in_background,
        "encodes_small_leaves_in_background": _encodes_small_leaves_in_background,
    },
    "change-after-load": {"reads_file_at_access": _reads_file_at_access},
    "moved": {
        "stores_absolute_path": _stores_path(lambda data: str(data.absolute())),
        "stores_path_from_current_directory": _stores_path(lambda data: os.path.relpath(data)),
    },
    "memory": {
        "save_copies_data": with_writer(_write_with_copies),
        "load_copies_data": _load_copies_data,
    },
    "leaks": {
        "leaks_memory": _leaks(_copy_data),
        "leaks_threads": _leaks(_start_thread),
        "leaks_descriptors": _leaks(_open_file),
        "leaks_files": _leaks(_add_numbered_file),
        "leaks_processes": _leaks(lambda path, data: subprocess.Popen(["true"])),
    },
}
