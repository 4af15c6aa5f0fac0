"""Faults in what a format does across processes, and while something else goes on."""

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

from .sealed import MAGIC, Sealed, decode, encode, sealed_format, unseal, write_safely

Functions = dict[str, Any]


def faults(case: str, backend: str) -> dict[str, Format]:
    """The formats that the check ``process/case`` has to see through, by the name of their fault."""
    found = _FAULTS[case]
    return {name: make(backend) for name, make in found.items()}


def _format(backend: str, save: Callable[..., Any], load: Callable[..., Any] | None = None, **more: Any) -> Format:
    return Format(name="planted", backend=backend, save=save, load=load or Sealed(backend).load, accepts="dict", **more)


_KEPT: dict[str, Any] = {}


def _in_memory(backend: str) -> Format:
    """The tree is kept in this process, and the file says where."""

    def save(tree: Any, path: pathlib.Path) -> None:
        _KEPT[str(path)] = encode(backend, tree)
        path.write_text(str(path))

    return _format(backend, save, lambda path: decode(backend, unseal(_KEPT[path.read_text()])))


def _by_reference(backend: str) -> Format:
    """A tree that was loaded is written as a name of the file that it came from."""
    sealed = Sealed(backend)

    class Loaded(dict[str, Any]):
        origin = ""

    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_text(tree.origin) if hasattr(tree, "origin") else sealed.save(tree, path)

    def load(path: pathlib.Path) -> Any:
        data = path.read_bytes()
        if not data.startswith(MAGIC):
            return load(pathlib.Path(data.decode()))
        tree = Loaded(sealed.load(path))
        tree.origin = str(path)
        return tree

    return _format(backend, save, load)


def _the_same_again(backend: str) -> Format:
    """What was read is handed out a second time."""
    sealed = Sealed(backend)
    known: dict[tuple[str, int], Any] = {}

    def load(path: pathlib.Path) -> Any:
        key = str(path), path.stat().st_mtime_ns
        if key not in known:
            known[key] = sealed.load(path)
        return known[key]

    return _format(backend, sealed.save, load)


class _Lazy(dict[str, Any]):
    """A dict that reads the file each time that it is looked at."""

    read: Callable[[], Any]

    def items(self) -> Any:
        return self.read().items()

    def values(self) -> Any:
        return self.read().values()

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __getitem__(self, key: str) -> Any:
        return self.read()[key]


def _read_when_used(backend: str) -> Format:
    sealed = Sealed(backend)

    def load(path: pathlib.Path) -> Any:
        tree = _Lazy(sealed.load(path))
        tree.read = lambda: sealed.load(path)
        return tree

    return _format(backend, sealed.save, load)


def _in_the_background(backend: str) -> Format:
    """A thread writes what the tree holds when it comes to it."""
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> Any:
        def work() -> None:
            time.sleep(0.05)
            sealed.save(tree, path)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    return _format(backend, save, wait=lambda thread: thread.join())


def _small_ones_in_the_background(backend: str) -> Format:
    """What is large is copied, and what is small is not."""

    def save(tree: Any, path: pathlib.Path) -> Any:
        data = {name: encode(backend, {name: leaf}) for name, leaf in tree.items()}

        def work() -> None:
            time.sleep(0.05)
            late = {name: encode(backend, {name: tree[name]}) for name, copy in data.items() if len(copy) < 1 << 12}
            write_safely(path, pickle.dumps({**data, **late}))

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def load(path: pathlib.Path) -> Any:
        return {name: decode(backend, unseal(data))[name] for name, data in pickle.loads(path.read_bytes()).items()}

    return _format(backend, save, load, wait=lambda thread: thread.join())


def _absolute(backend: str) -> Format:
    """The data lie beside, and the file says where in full."""
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        data = path.with_name(f"{path.name}.data")
        sealed.save(tree, data)
        path.write_text(str(data.absolute()))

    return _format(backend, save, lambda path: sealed.load(pathlib.Path(path.read_text())))


def _from_here(backend: str) -> Format:
    """The file says where the data are as seen from the current directory."""
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        data = path.with_name(f"{path.name}.data")
        sealed.save(tree, data)
        path.write_text(os.path.relpath(data))

    return _format(backend, save, lambda path: sealed.load(pathlib.Path(path.read_text())))


def _in_pieces(path: pathlib.Path, data: bytes, size: int = 1 << 12) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o666)
    try:
        for at in range(0, len(data), size):
            os.write(descriptor, data[at : at + size])
    finally:
        os.close(descriptor)


def _one_temporary_name(path: pathlib.Path, data: bytes) -> None:
    """Written beside and renamed, by a name that every process takes."""
    beside = path.with_name(f"{path.name}.tmp")
    _in_pieces(beside, data)
    os.replace(beside, path)


def _removed_before_it_is_renamed(path: pathlib.Path, data: bytes) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    path.unlink(missing_ok=True)
    beside.rename(path)


def _two_files(backend: str) -> Format:
    """Two files, each written safely; which belong together nobody knows."""
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        for name, leaf in tree.items():
            write_safely(path.with_name(f"{path.name}.{name}"), encode(backend, {name: leaf}))
        write_safely(path, pickle.dumps(list(tree)))

    def load(path: pathlib.Path) -> Any:
        return {name: sealed.load(path.with_name(f"{path.name}.{name}"))[name] for name in pickle.loads(path.read_bytes())}

    return _format(backend, save, load)


_BUFFER = bytearray()


def _one_buffer(path: pathlib.Path, data: bytes) -> None:
    """All threads write from the same memory."""
    _BUFFER[:] = data
    time.sleep(0.02)
    write_safely(path, bytes(_BUFFER))


def _copies(path: pathlib.Path, data: bytes) -> None:
    copies = [bytearray(data) for _ in range(4)]
    write_safely(path, bytes(copies[-1]))


def _read_in_copies(backend: str) -> Format:
    sealed = Sealed(backend)

    def load(path: pathlib.Path) -> Any:
        copies = [bytearray(path.read_bytes()) for _ in range(4)]
        return decode(backend, unseal(bytes(copies[-1])))

    return _format(backend, sealed.save, load)


_STAYING: list[Any] = []


@dataclasses.dataclass(frozen=True)
class _Stays:
    """Something stays of each save."""

    make: Callable[[pathlib.Path, bytes], Any]

    def __call__(self, path: pathlib.Path, data: bytes) -> None:
        write_safely(path, data)
        _STAYING.append(self.make(path, data))


def _stays(make: Callable[[pathlib.Path, bytes], Any]) -> Callable[[str], Format]:
    return lambda backend: sealed_format(backend, write=_Stays(make))


def _bytes(path: pathlib.Path, data: bytes) -> bytearray:
    return bytearray(data)


def _descriptor(path: pathlib.Path, data: bytes) -> Any:
    return path.open("rb")


def _thread(path: pathlib.Path, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    return thread


def _numbered_file(path: pathlib.Path, data: bytes) -> None:
    path.with_name(f"{path.name}.{len(_STAYING)}").write_bytes(b"x")


_FAULTS: dict[str, dict[str, Callable[[str], Format]]] = {
    "fresh-process": {"in-memory": _in_memory},
    "resave": {"by-reference": _by_reference},
    "load-twice": {"the-same-again": _the_same_again},
    "delete-after-load": {"read-when-used": _read_when_used},
    "change-after-save": {
        "in-the-background": _in_the_background,
        "small-ones-in-the-background": _small_ones_in_the_background,
    },
    "change-after-load": {"read-when-used": _read_when_used},
    "moved": {"absolute": _absolute, "from-here": _from_here},
    "two-writers": {
        "one-temporary-name": lambda backend: sealed_format(backend, write=_one_temporary_name),
        "in-pieces": lambda backend: sealed_format(backend, write=_in_pieces),
        "two-files": _two_files,
    },
    "reader-beside-writer": {
        "in-pieces": lambda backend: sealed_format(backend, write=_in_pieces),
        "two-files": _two_files,
        "removed-before-it-is-renamed": lambda backend: sealed_format(backend, write=_removed_before_it_is_renamed),
    },
    "threads": {"one-buffer": lambda backend: sealed_format(backend, write=_one_buffer)},
    "memory": {"copies": lambda backend: sealed_format(backend, write=_copies), "read-in-copies": _read_in_copies},
    "leaks": {
        "memory": _stays(_bytes),
        "threads": _stays(_thread),
        "descriptors": _stays(_descriptor),
        "files": _stays(_numbered_file),
        "processes": _stays(lambda path, data: subprocess.Popen(["true"])),
    },
}
