"""Temporary folders that are gone afterwards, also where an interrupt comes while they are being removed."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def temporary_folder(above: pathlib.Path | str | None = None) -> Iterator[pathlib.Path]:
    """A new folder in ``above`` (default: where temporary files go)."""
    holder = tempfile.TemporaryDirectory(prefix="pytest-ckpt-", dir=above, ignore_cleanup_errors=True)
    try:
        yield pathlib.Path(holder.name)
    finally:
        try:
            holder.cleanup()
        except KeyboardInterrupt:
            holder.cleanup()
            raise
