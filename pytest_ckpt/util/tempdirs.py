"""Temporary folders that are gone afterwards, also where an interrupt comes while they are being made or removed."""

from __future__ import annotations

import contextlib
import pathlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator


@contextlib.contextmanager
def temporary_folder(above: pathlib.Path | str | None = None) -> Iterator[pathlib.Path]:
    """A new folder in ``above`` (default: where temporary files go)."""
    place = pathlib.Path(tempfile.gettempdir() if above is None else above)
    # Known before the folder is there: of one that is made just when an interrupt comes, nobody is told the name.
    prefix = f"pytest-ckpt-{secrets.token_hex(4)}-"
    holder = None

    def clean_up() -> None:
        if holder is not None:
            holder.cleanup()
        for folder in place.glob(f"{prefix}*"):
            remove_folder(folder)

    try:
        holder = tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True)
        yield pathlib.Path(holder.name)
    finally:
        try:
            clean_up()
        except KeyboardInterrupt:
            clean_up()
            raise


def remove_folder(folder: pathlib.Path, tries: int = 100) -> None:
    """Removes a folder, also while processes are at work in it that have not seen yet that all is over."""
    for number in range(tries):
        if not folder.exists():
            return
        if number:
            time.sleep(0.01)
        shutil.rmtree(folder, ignore_errors=True)
