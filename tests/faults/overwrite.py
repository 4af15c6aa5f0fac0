"""Faults in saving over existing files, and in saves that fail, for the family `files`."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .checksummed import (
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


def appends_record(reads: int) -> MakeFormat:
    """Append each save to the file, and read the record with index ``reads``."""

    def write(path: pathlib.Path, data: bytes) -> None:
        with path.open("ab") as file:
            file.write(len(data).to_bytes(8, "little") + data)

    def verify(data: bytes) -> Any:
        records, at = [], 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 8], "little")
            records.append(data[at + 8 : at + 8 + size])
            at += 8 + size
        return verify_checksum(records[reads])

    return lambda backend: checksummed_format(backend, write=write, verify=verify)


def _write_without_truncation(path: pathlib.Path, data: bytes) -> None:
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(data)


def _write_only_once(path: pathlib.Path, data: bytes) -> None:
    if not path.exists():
        write_atomically(path, data)


def _write_in_place(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(data)


def _write_ignoring_short_writes(path: pathlib.Path, data: bytes) -> None:
    """Ignore how many bytes the system has written."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


def caches_reads(key: Callable[[pathlib.Path], Any]) -> MakeFormat:
    """Cache the bytes by a key that does not change whenever the file changes."""

    def make(backend: str) -> Format:
        cache: dict[Any, bytes] = {}

        def load(path: pathlib.Path) -> Any:
            data = cache.setdefault(key(path), path.read_bytes())
            return decode(backend, verify_checksum(data))

        return format_with(backend, Checksummed(backend).save, load)

    return make


def _sorts_steps_as_text(backend: str) -> Format:
    """Save a folder of steps, and load the last step by name, so that 9 comes after 10."""
    functions = Checksummed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        path.mkdir(exist_ok=True)
        functions.save(tree, path / f"step-{len(list(path.iterdir())) + 1}")

    return format_with(backend, save, lambda path: functions.load(max(path.iterdir())))


def _keeps_stale_shards(backend: str) -> Format:
    """Save a file for each leaf, and do not remove the files of the old checkpoint."""
    functions = Checksummed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_bytes(b"")
        for name, tensor in tree.items():
            functions.save({name: tensor}, path.with_name(f"{path.name}.{name}"))

    def load(path: pathlib.Path) -> Any:
        tree: dict[str, Any] = {}
        for shard in sorted(path.parent.iterdir()):
            if shard.name.startswith(f"{path.name}."):
                tree.update(functions.load(shard))
        return tree

    return format_with(backend, save, load)


def _remove_folder_then_raise(path: pathlib.Path, data: bytes) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        raise IsADirectoryError(path)
    write_atomically(path, data)


def ignores_errors(*kinds: type[BaseException]) -> MakeFormat:
    """Return silently when writing raises one of these errors."""

    def write(path: pathlib.Path, data: bytes) -> None:
        with contextlib.suppress(*kinds):
            write_atomically(path, data)

    return with_writer(write)


def _make_folder_writable(path: pathlib.Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except PermissionError:
        path.parent.chmod(0o755)
        write_atomically(path, data)


def _encodes_while_writing(backend: str) -> Format:
    """Truncate the file before it is known that all leaves can be encoded."""

    def save(tree: Any, path: pathlib.Path) -> None:
        with path.open("wb") as file:
            for name, tensor in tree.items():
                data = encode(backend, {name: tensor})
                file.write(len(data).to_bytes(8, "little") + data)

    def load(path: pathlib.Path) -> Any:
        data, tree, at = path.read_bytes(), {}, 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 8], "little")
            tree.update(decode(backend, verify_checksum(data[at + 8 : at + 8 + size])))
            at += 8 + size
        return tree

    return format_with(backend, save, load)


def _removes_old_file_first(backend: str) -> Format:
    functions = Checksummed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        path.unlink(missing_ok=True)
        functions.save(tree, path)

    return format_with(backend, save)


#: By case, then by the name of the fault.
OVERWRITE: dict[str, dict[str, MakeFormat]] = {
    "overwrite-smaller": {
        "appends_and_reads_first_record": appends_record(reads=0),
        "does_not_truncate": with_writer(_write_without_truncation),
        "writes_only_once": with_writer(_write_only_once),
        "caches_by_size": caches_reads(lambda path: (str(path), path.stat().st_size)),
        "caches_by_whole_second": caches_reads(lambda path: (str(path), int(path.stat().st_mtime))),
        "sorts_steps_as_text": _sorts_steps_as_text,
    },
    "overwrite-other-structure": {
        "keeps_stale_shards": _keeps_stale_shards,
        "appends_and_reads_first_record": appends_record(reads=0),
    },
    "overwrite-other-kind": {
        "removes_folder_then_raises": with_writer(_remove_folder_then_raise),
        "ignores_os_error": ignores_errors(OSError),
        "does_not_truncate": with_writer(_write_without_truncation),
    },
    "missing-parent": {"ignores_file_not_found": ignores_errors(FileNotFoundError)},
    "failed-save-keeps-old": {
        "encodes_while_writing": _encodes_while_writing,
        "removes_old_file_first": _removes_old_file_first,
    },
    "disk-full": {
        "ignores_os_error": ignores_errors(OSError),
        "ignores_short_write": with_writer(_write_ignoring_short_writes),
        "writes_in_place": with_writer(_write_in_place),
        "removes_old_file_first": _removes_old_file_first,
    },
    "read-only-dir": {
        "ignores_permission_error": ignores_errors(PermissionError),
        "makes_folder_writable": with_writer(_make_folder_writable),
    },
}
