"""Faults that leave files behind, for `files/no-leftovers`."""

from __future__ import annotations

import os
import pathlib
import tempfile
import uuid
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .checksummed import MakeFormat, after_save, before_load, encode, format_with


def _leaves_file(name: Callable[[pathlib.Path], str]) -> MakeFormat:
    return after_save(lambda path: path.with_name(name(path)).write_bytes(b"left"))


def _leave_temporary_file(path: pathlib.Path) -> None:
    handle, _ = tempfile.mkstemp()
    os.close(handle)


def _leave_file_in_tmpdir(path: pathlib.Path) -> None:
    """Leave a file as a library in C would: it reads the environment variable, not `tempfile`."""
    pathlib.Path(os.environ.get("TMPDIR", "/tmp"), f"planted-{uuid.uuid4().hex}").write_bytes(b"left")


def _leaves_file_of_failed_save(name: Callable[[pathlib.Path], str]) -> MakeFormat:
    """Create the temporary file before encoding, and do not remove it when encoding raises."""

    def make(backend: str) -> Format:
        def save(tree: Any, path: pathlib.Path) -> None:
            temporary = path.with_name(name(path))
            temporary.write_bytes(b"")
            temporary.write_bytes(encode(backend, tree))
            temporary.replace(path)

        return format_with(backend, save)

    return make


#: By the name of the fault.
LEFTOVERS: dict[str, MakeFormat] = {
    "leaves_file_with_tmp_suffix": _leaves_file(lambda path: f"{path.name}.tmp"),
    "leaves_file_with_tmp_prefix": _leaves_file(lambda path: f"tmp-{path.name}"),
    "leaves_another_file_every_save": _leaves_file(lambda path: f"{path.name}.{uuid.uuid4().hex}"),
    "leaves_file_of_tempfile": after_save(_leave_temporary_file),
    "leaves_file_in_tmpdir_variable": after_save(_leave_file_in_tmpdir),
    "leaves_file_in_current_directory": after_save(lambda path: pathlib.Path("planted.log").write_text("left")),
    "failed_save_leaves_random_name": _leaves_file_of_failed_save(lambda path: f"{uuid.uuid4().hex}"),
    "failed_save_leaves_suffixed_name": _leaves_file_of_failed_save(lambda path: f"{path.name}.{uuid.uuid4().hex}"),
    "load_leaves_file_of_tempfile": before_load(_leave_temporary_file),
}
