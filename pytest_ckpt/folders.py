"""Temporary folders that are gone afterwards, also where an interrupt comes while they are being removed."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator


@contextlib.contextmanager
def temporary_folder(above: pathlib.Path | str | None = None) -> Iterator[pathlib.Path]:
    """A new folder in ``above`` (default: where temporary files go)."""
    holder = tempfile.TemporaryDirectory(prefix="pytest-ckpt-", dir=above, ignore_cleanup_errors=True)
    folder = pathlib.Path(holder.name)
    try:
        yield folder
    finally:
        try:
            holder.cleanup()
            remove_folder(folder)
        except KeyboardInterrupt:
            remove_folder(folder)
            raise


def remove_folder(folder: pathlib.Path, tries: int = 100) -> None:
    """Removes a folder, also while processes are at work in it that have not seen yet that all is over."""
    for number in range(tries):
        if not folder.exists():
            return
        if number:
            time.sleep(0.01)
        shutil.rmtree(folder, ignore_errors=True)
