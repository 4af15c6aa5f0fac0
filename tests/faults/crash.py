"""Faults in how a format writes: each leaves at some time neither the old checkpoint nor the new one, or not for good."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile
import zlib
from typing import Any

from pytest_ckpt import Format

from .sealed import MAGIC, Sealed, decode, encode, sealed_format, sync_folder, unseal, write_safely

#: Bytes that go to the disk at once, so that a file comes into being piece by piece.
_PIECE = 2048


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]


def _beside(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f"{path.name}.new")


def _put(path: pathlib.Path, data: bytes, *, sync: bool = True, mode: str = "wb") -> None:
    with open(path, mode, buffering=0) as file:
        for piece in _pieces(data):
            file.write(piece)
        if sync:
            os.fsync(file.fileno())


# How a file is written. The first three and `write_safely` are a row: each does one thing more.


def in_place(path: pathlib.Path, data: bytes) -> None:
    _put(path, data, sync=False)


def renamed(path: pathlib.Path, data: bytes) -> None:
    _put(_beside(path), data, sync=False)
    os.replace(_beside(path), path)


def renamed_and_file_synced(path: pathlib.Path, data: bytes) -> None:
    _put(_beside(path), data)
    os.replace(_beside(path), path)


def in_place_and_synced(path: pathlib.Path, data: bytes) -> None:
    _put(path, data)
    sync_folder(path.parent)


def appended(path: pathlib.Path, data: bytes) -> None:
    """The last record counts, whole or not."""
    _put(path, data, mode="ab")
    sync_folder(path.parent)


def without_truncation(path: pathlib.Path, data: bytes) -> None:
    """Over what is there, at one go: a single write, which may stop at the end of a page."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)
    sync_folder(path.parent)


def old_removed_first(path: pathlib.Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    write_safely(path, data)


def renamed_before_written(path: pathlib.Path, data: bytes) -> None:
    with open(_beside(path), "wb", buffering=0) as file:
        os.replace(_beside(path), path)
        for piece in _pieces(data):
            file.write(piece)
        os.fsync(file.fileno())
    sync_folder(path.parent)


def synced_too_early(path: pathlib.Path, data: bytes) -> None:
    """What is in a buffer of Python's is not what the system has."""
    with open(_beside(path), "wb") as file:
        file.write(data[:-_PIECE])
        file.flush()
        file.write(data[-_PIECE:])
        os.fsync(file.fileno())
    os.replace(_beside(path), path)
    sync_folder(path.parent)


def folder_synced_alone(path: pathlib.Path, data: bytes) -> None:
    renamed(path, data)
    sync_folder(path.parent)


def folder_synced_before_the_rename(path: pathlib.Path, data: bytes) -> None:
    _put(_beside(path), data)
    sync_folder(path.parent)
    os.replace(_beside(path), path)


def made_long_first(path: pathlib.Path, data: bytes) -> None:
    """The room is taken, then the beginning is written, then the rest."""
    with open(path, "wb", buffering=0) as file:
        file.truncate(len(data))
        for piece in _pieces(data):
            file.write(piece)


def renamed_whatever_happened(path: pathlib.Path, data: bytes) -> None:
    try:
        _put(_beside(path), data)
    finally:
        os.replace(_beside(path), path)
        sync_folder(path.parent)


def locked(path: pathlib.Path, data: bytes) -> None:
    """The lock that somebody has left who is gone is one for ever."""
    lock = path.with_name(f"{path.name}.lock")
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
    try:
        write_safely(path, data)
    except Exception:
        lock.unlink()
        raise
    lock.unlink()


def in_a_new_folder(path: pathlib.Path, data: bytes) -> None:
    folder = path.with_name(f"{path.name}.new")
    folder.mkdir()
    write_safely(folder / "data", data)
    os.replace(folder / "data", path)
    folder.rmdir()


def by_way_of_memory(path: pathlib.Path, data: bytes) -> None:
    """Written on another disk, and copied from there in place."""
    folder = pathlib.Path("/dev/shm")
    handle, name = tempfile.mkstemp(dir=folder if folder.is_dir() else None)
    with open(handle, "wb") as file:
        file.write(data)
    shutil.copyfile(name, path)
    os.unlink(name)


def interrupt_swallowed(path: pathlib.Path, data: bytes) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        write_safely(path, data)


# How a file is read.


def last_record(data: bytes) -> bytes:
    return unseal(data[data.rindex(MAGIC) :])


def unchecked(data: bytes) -> bytes:
    """Without a look at the checksum."""
    return data[len(MAGIC) + 32 :]


# Checkpoints of several files.


@dataclasses.dataclass(frozen=True)
class Pointed:
    """The data is in a file of its own; what stands at the path is its name. ``first`` points there before it is there."""

    backend: str
    first: bool = False
    write: Any = write_safely

    def save(self, tree: Any, path: pathlib.Path) -> None:
        path, data = pathlib.Path(path), encode(self.backend, tree)
        there = path.with_name(f"{path.name}.{zlib.crc32(data):08x}")
        steps = [lambda: self.write(there, data), lambda: write_safely(path, there.name.encode())]
        for step in reversed(steps) if self.first else steps:
            step()

    def load(self, path: pathlib.Path) -> Any:
        path = pathlib.Path(path)
        return decode(self.backend, unseal(path.with_name(path.read_text()).read_bytes()))

    def format(self) -> Format:
        return Format(name=f"pointed-{self.backend}", backend=self.backend, save=self.save, load=self.load, accepts="dict")


@dataclasses.dataclass(frozen=True)
class Parts:
    """Each tensor is in a file of its own, written safely; nothing says which belong together, or how many there are."""

    backend: str

    def save(self, tree: Any, path: pathlib.Path) -> None:
        path = pathlib.Path(path)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)
        for name, tensor in tree.items():
            write_safely(path / f"{name}.part", encode(self.backend, {name: tensor}))

    def load(self, path: pathlib.Path) -> Any:
        tree: dict[str, Any] = {}
        for part in sorted(pathlib.Path(path).glob("*.part")):
            tree.update(decode(self.backend, unseal(part.read_bytes())))
        if not tree:
            raise FileNotFoundError(path)
        return tree

    def format(self) -> Format:
        return Format(name=f"parts-{self.backend}", backend=self.backend, save=self.save, load=self.load, accepts="dict")


@dataclasses.dataclass(frozen=True)
class Recovering(Sealed):
    """A temporary file that is there is newer than the checkpoint, and preferred to it."""

    def load(self, path: pathlib.Path) -> Any:
        path = pathlib.Path(path)
        return super().load(_beside(path) if _beside(path).exists() else path)

    def format(self) -> Format:
        return Format(name=f"recovering-{self.backend}", backend=self.backend, save=self.save, load=self.load, accepts="dict")


def synced_and_renamed(path: pathlib.Path, data: bytes) -> None:
    """As it should be, with a temporary name that is always the same."""
    _put(_beside(path), data)
    os.replace(_beside(path), path)
    sync_folder(path.parent)


def faults(case: str, backend: str) -> dict[str, Format]:
    """The formats that the check ``crash/case`` has to see through, by the name of their fault. How a file is written is the same
    in every framework, so all faults are planted in one of them alone."""

    def sealed(write: Any, unsealed: Any = unseal) -> Format:
        return sealed_format(backend, write=write, unsealed=unsealed)

    planted = {
        "kill": {
            "in-place": sealed(in_place),
            "no-truncation": sealed(without_truncation, unchecked),
            "old-removed-first": sealed(old_removed_first),
            "renamed-before-written": sealed(renamed_before_written),
            "appended": sealed(appended, last_record),
            "pointer-first": Pointed(backend, first=True).format(),
            "parts-without-a-commit": Parts(backend).format(),
            "locked": sealed(locked),
            "in-a-new-folder": sealed(in_a_new_folder),
            "by-way-of-memory": sealed(by_way_of_memory),
            "temporary-file-preferred": Recovering(backend, synced_and_renamed).format(),
        },
        "exception": {
            "in-place": sealed(in_place_and_synced),
            "renamed-whatever-happened": sealed(renamed_whatever_happened),
            "interrupt-swallowed": sealed(interrupt_swallowed),
            "locked": sealed(locked),
            "pointer-first": Pointed(backend, first=True).format(),
        },
        "power-loss": {
            "no-sync": sealed(renamed),
            "synced-too-early": sealed(synced_too_early),
            "folder-synced-alone": sealed(folder_synced_alone),
            "torn": sealed(renamed, unchecked),
            "pointer-to-what-is-not-synced": Pointed(backend, write=in_place).format(),
            "parts-without-a-commit": Parts(backend).format(),
        },
        "durable": {
            "no-sync-of-the-folder": sealed(renamed_and_file_synced),
            "folder-synced-before-the-rename": sealed(folder_synced_before_the_rename),
            "no-sync": sealed(in_place),
        },
        "new-path": {
            "made-long-first": sealed(made_long_first, unchecked),
            "parts-without-a-commit": Parts(backend).format(),
            "torn": sealed(renamed, unchecked),
        },
    }[case]
    return planted if backend == "numpy" else dict(list(planted.items())[:1])
