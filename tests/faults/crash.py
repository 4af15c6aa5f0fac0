"""Faults for the family `crash`: after a crash neither the old nor the new file can be loaded."""

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

from .checksummed import (
    BODY_OFFSET,
    MAGIC,
    Checksummed,
    checksummed_format,
    decode,
    encode,
    sync_folder,
    verify_checksum,
    write_atomically,
)

#: Bytes for each write, so that a file consists of several writes.
_PIECE = 2048


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]


def _temporary(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f"{path.name}.new")


def _write_pieces(path: pathlib.Path, data: bytes, *, sync: bool = True, mode: str = "wb") -> None:
    with open(path, mode, buffering=0) as file:
        for piece in _pieces(data):
            file.write(piece)
        if sync:
            os.fsync(file.fileno())


# Ways to write a file. The first three and `write_atomically` form a series: each adds one step.


def write_in_place(path: pathlib.Path, data: bytes) -> None:
    _write_pieces(path, data, sync=False)


def write_and_rename(path: pathlib.Path, data: bytes) -> None:
    _write_pieces(_temporary(path), data, sync=False)
    os.replace(_temporary(path), path)


def write_sync_and_rename(path: pathlib.Path, data: bytes) -> None:
    _write_pieces(_temporary(path), data)
    os.replace(_temporary(path), path)


def _write_in_place_and_sync(path: pathlib.Path, data: bytes) -> None:
    _write_pieces(path, data)
    sync_folder(path.parent)


def _append(path: pathlib.Path, data: bytes) -> None:
    """Append a record; the last record counts, whether it is complete or not."""
    _write_pieces(path, data, mode="ab")
    sync_folder(path.parent)


def _write_without_truncation(path: pathlib.Path, data: bytes) -> None:
    """Overwrite the file by a single write, which a crash may cut at a page boundary."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)
    sync_folder(path.parent)


def _remove_old_file_first(path: pathlib.Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    write_atomically(path, data)


def _rename_before_write(path: pathlib.Path, data: bytes) -> None:
    with open(_temporary(path), "wb", buffering=0) as file:
        os.replace(_temporary(path), path)
        for piece in _pieces(data):
            file.write(piece)
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _sync_before_flush(path: pathlib.Path, data: bytes) -> None:
    """Sync the file while the last bytes are still in Python's buffer."""
    with open(_temporary(path), "wb") as file:
        file.write(data[:-_PIECE])
        file.flush()
        file.write(data[-_PIECE:])
        os.fsync(file.fileno())
    os.replace(_temporary(path), path)
    sync_folder(path.parent)


def _sync_only_folder(path: pathlib.Path, data: bytes) -> None:
    write_and_rename(path, data)
    sync_folder(path.parent)


def _sync_folder_before_rename(path: pathlib.Path, data: bytes) -> None:
    _write_pieces(_temporary(path), data)
    sync_folder(path.parent)
    os.replace(_temporary(path), path)


def _extend_before_write(path: pathlib.Path, data: bytes) -> None:
    """Extend the file to its full size before the data are written."""
    with open(path, "wb", buffering=0) as file:
        file.truncate(len(data))
        for piece in _pieces(data):
            file.write(piece)


def _rename_after_error(path: pathlib.Path, data: bytes) -> None:
    try:
        _write_pieces(_temporary(path), data)
    finally:
        os.replace(_temporary(path), path)
        sync_folder(path.parent)


def _write_under_lock_file(path: pathlib.Path, data: bytes) -> None:
    """Create a lock file that is never removed if the process is killed or interrupted."""
    lock = path.with_name(f"{path.name}.lock")
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
    try:
        write_atomically(path, data)
    except Exception:
        lock.unlink()
        raise
    lock.unlink()


def _write_in_new_folder(path: pathlib.Path, data: bytes) -> None:
    """Create a folder with a fixed name, which blocks the next save if the process is killed."""
    folder = path.with_name(f"{path.name}.new")
    folder.mkdir()
    write_atomically(folder / "data", data)
    os.replace(folder / "data", path)
    folder.rmdir()


def _copy_from_memory_disk(path: pathlib.Path, data: bytes) -> None:
    """Write to another file system, and copy the file from there in place."""
    folder = pathlib.Path("/dev/shm")
    handle, name = tempfile.mkstemp(dir=folder if folder.is_dir() else None)
    with open(handle, "wb") as file:
        file.write(data)
    shutil.copyfile(name, path)
    os.unlink(name)


def _suppress_interrupt(path: pathlib.Path, data: bytes) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        write_atomically(path, data)


def _write_by_fixed_name(path: pathlib.Path, data: bytes) -> None:
    """Write atomically, with a temporary name that is always the same."""
    _write_pieces(_temporary(path), data)
    os.replace(_temporary(path), path)
    sync_folder(path.parent)


# Ways to read a file.


def _verify_last_record(data: bytes) -> bytes:
    return verify_checksum(data[data.rindex(MAGIC) :])


def _skip_checksum(data: bytes) -> bytes:
    return data[BODY_OFFSET:]


# Checkpoints of several files.


@dataclasses.dataclass(frozen=True)
class PointerFile:
    """The data are in a second file; the file at the path has its name.

    ``pointer_first`` writes the name before the data exist; ``write`` writes the data.
    """

    backend: str
    pointer_first: bool = False
    write: Any = write_atomically

    def save(self, tree: Any, path: pathlib.Path) -> None:
        path, data = pathlib.Path(path), encode(self.backend, tree)
        target = path.with_name(f"{path.name}.{zlib.crc32(data):08x}")
        steps = [lambda: self.write(target, data), lambda: write_atomically(path, target.name.encode())]
        for step in reversed(steps) if self.pointer_first else steps:
            step()

    def load(self, path: pathlib.Path) -> Any:
        path = pathlib.Path(path)
        return decode(self.backend, verify_checksum(path.with_name(path.read_text()).read_bytes()))

    def format(self) -> Format:
        return Format(name=f"pointer-{self.backend}", backend=self.backend, save=self.save, load=self.load, accepts="dict")


@dataclasses.dataclass(frozen=True)
class UnrelatedFiles:
    """Writes a file for each tensor atomically; nothing says which files belong together."""

    backend: str

    def save(self, tree: Any, path: pathlib.Path) -> None:
        path = pathlib.Path(path)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)
        for name, tensor in tree.items():
            write_atomically(path / f"{name}.part", encode(self.backend, {name: tensor}))

    def load(self, path: pathlib.Path) -> Any:
        tree: dict[str, Any] = {}
        for part in sorted(pathlib.Path(path).glob("*.part")):
            tree.update(decode(self.backend, verify_checksum(part.read_bytes())))
        if not tree:
            raise FileNotFoundError(path)
        return tree

    def format(self) -> Format:
        return Format(name=f"parts-{self.backend}", backend=self.backend, save=self.save, load=self.load, accepts="dict")


@dataclasses.dataclass(frozen=True)
class PrefersTemporaryFile(Checksummed):
    """Loads the temporary file if one exists, although it may be incomplete."""

    def load(self, path: pathlib.Path) -> Any:
        path = pathlib.Path(path)
        return super().load(_temporary(path) if _temporary(path).exists() else path)

    def format(self) -> Format:
        return Format(name=f"recovering-{self.backend}", backend=self.backend, save=self.save, load=self.load, accepts="dict")


def faults(case: str, backend: str) -> dict[str, Format]:
    """Return the formats that the check ``crash/case`` must fail, by the name of the fault.

    How a file is written does not depend on the framework, so all faults are planted for numpy,
    and only the first one for other backends.
    """

    def with_steps(write: Any, verify: Any = verify_checksum) -> Format:
        return checksummed_format(backend, write=write, verify=verify)

    formats = {
        "kill": {
            "writes_in_place": with_steps(write_in_place),
            "does_not_truncate": with_steps(_write_without_truncation, _skip_checksum),
            "removes_old_file_first": with_steps(_remove_old_file_first),
            "renames_before_write": with_steps(_rename_before_write),
            "appends_record": with_steps(_append, _verify_last_record),
            "writes_pointer_first": PointerFile(backend, pointer_first=True).format(),
            "writes_unrelated_files": UnrelatedFiles(backend).format(),
            "leaves_lock_file": with_steps(_write_under_lock_file),
            "leaves_temporary_folder": with_steps(_write_in_new_folder),
            "copies_from_memory_disk": with_steps(_copy_from_memory_disk),
            "prefers_temporary_file": PrefersTemporaryFile(backend, _write_by_fixed_name).format(),
        },
        "exception": {
            "writes_in_place": with_steps(_write_in_place_and_sync),
            "renames_after_error": with_steps(_rename_after_error),
            "suppresses_interrupt": with_steps(_suppress_interrupt),
            "leaves_lock_file": with_steps(_write_under_lock_file),
            "writes_pointer_first": PointerFile(backend, pointer_first=True).format(),
        },
        "power-loss": {
            "does_not_sync": with_steps(write_and_rename),
            "syncs_before_flush": with_steps(_sync_before_flush),
            "syncs_only_folder": with_steps(_sync_only_folder),
            "skips_sync_and_checksum": with_steps(write_and_rename, _skip_checksum),
            "points_to_unsynced_file": PointerFile(backend, write=write_in_place).format(),
            "writes_unrelated_files": UnrelatedFiles(backend).format(),
        },
        "durable": {
            "does_not_sync_folder": with_steps(write_sync_and_rename),
            "syncs_folder_before_rename": with_steps(_sync_folder_before_rename),
            "does_not_sync": with_steps(write_in_place),
        },
        "new-path": {
            "extends_before_write": with_steps(_extend_before_write, _skip_checksum),
            "writes_unrelated_files": UnrelatedFiles(backend).format(),
            "skips_sync_and_checksum": with_steps(write_and_rename, _skip_checksum),
        },
    }[case]
    return formats if backend == "numpy" else dict(list(formats.items())[:1])
