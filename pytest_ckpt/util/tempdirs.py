"""Temporary folders that are removed even if an interrupt arrives while they are created or removed."""

from __future__ import annotations

import contextlib
import pathlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator


@contextlib.contextmanager
def temporary_folder(parent: pathlib.Path | str | None = None) -> Iterator[pathlib.Path]:
    """Create a folder in ``parent`` (default: the system's folder for temporary files), and remove it afterwards."""
    parent = pathlib.Path(tempfile.gettempdir() if parent is None else parent)
    # The prefix is chosen before the folder exists. If an interrupt arrives right after the folder
    # was created, `directory` is still None, and the folder is found by its prefix.
    prefix = f"pytest-ckpt-{secrets.token_hex(4)}-"
    directory = None

    def clean_up() -> None:
        if directory is not None:
            directory.cleanup()
        for folder in parent.glob(f"{prefix}*"):
            remove_folder(folder)

    try:
        directory = tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True)
        yield pathlib.Path(directory.name)
    finally:
        try:
            clean_up()
        except KeyboardInterrupt:
            clean_up()
            raise


def remove_folder(folder: pathlib.Path, tries: int = 100) -> None:
    """Remove a folder, also while processes that are about to end still create files in it."""
    for number in range(tries):
        if not folder.exists():
            return
        if number:
            time.sleep(0.01)
        shutil.rmtree(folder, ignore_errors=True)
