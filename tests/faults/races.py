"""Faults that show when several processes or threads save and load at the same time."""

from __future__ import annotations

import os
import pathlib
import pickle
import time
from typing import Any

from pytest_ckpt import Format

from .checksummed import Checksummed, MakeFormat, encode, format_with, with_writer, write_atomically


def _write_in_pieces(path: pathlib.Path, data: bytes, size: int = 1 << 12) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o666)
    try:
        for at in range(0, len(data), size):
            os.write(descriptor, data[at : at + size])
    finally:
        os.close(descriptor)


def _write_by_shared_temporary_name(path: pathlib.Path, data: bytes) -> None:
    """Write a temporary file whose name is the same in each process, then rename it."""
    temporary = path.with_name(f"{path.name}.tmp")
    _write_in_pieces(temporary, data)
    os.replace(temporary, path)


def _remove_before_rename(path: pathlib.Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    path.unlink(missing_ok=True)
    temporary.rename(path)


def _writes_unrelated_files(backend: str) -> Format:
    """Write a file for each leaf atomically; nothing says which files were saved together."""
    functions = Checksummed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        for name, leaf in tree.items():
            write_atomically(path.with_name(f"{path.name}.{name}"), encode(backend, {name: leaf}))
        write_atomically(path, pickle.dumps(list(tree)))

    def load(path: pathlib.Path) -> Any:
        return {name: functions.load(path.with_name(f"{path.name}.{name}"))[name] for name in pickle.loads(path.read_bytes())}

    return format_with(backend, save, load)


_BUFFER = bytearray()


def _write_through_global_buffer(path: pathlib.Path, data: bytes) -> None:
    """Copy the data to a buffer that all threads share."""
    _BUFFER[:] = data
    time.sleep(0.02)
    write_atomically(path, bytes(_BUFFER))


#: By case, then by the name of the fault.
RACES: dict[str, dict[str, MakeFormat]] = {
    "two-writers": {
        "shares_temporary_name": with_writer(_write_by_shared_temporary_name),
        "writes_in_pieces": with_writer(_write_in_pieces),
        "writes_unrelated_files": _writes_unrelated_files,
    },
    "reader-beside-writer": {
        "writes_in_pieces": with_writer(_write_in_pieces),
        "writes_unrelated_files": _writes_unrelated_files,
        "removes_before_rename": with_writer(_remove_before_rename),
    },
    "threads": {"shares_global_buffer": with_writer(_write_through_global_buffer)},
}
