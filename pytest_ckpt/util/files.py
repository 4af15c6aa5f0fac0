"""Walk over, remove and change to files and folders."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator


def walk_paths(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield ``path`` and, if it is a folder, everything below it: sorted, and each folder before its contents.

    A symbolic link below ``path`` is yielded but not followed. ``path`` itself may be a link to a folder.
    """
    yield path
    if path.is_dir():
        yield from sorted(path.rglob("*"))


def files_below(path: pathlib.Path) -> list[pathlib.Path]:
    """Return the regular files, and the links to some, among ``path`` and everything below it."""
    return [each for each in walk_paths(path) if each.is_file()]


def remove(path: pathlib.Path) -> None:
    """Remove a file, a symbolic link, or a folder with everything in it. Do nothing if ``path`` does not exist."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def working_directory(folder: pathlib.Path) -> Iterator[None]:
    """Make ``folder`` the current directory of the process, and restore the previous one afterwards.

    Unlike `contextlib.chdir` it also finds the previous directory after that was renamed.
    """
    descriptor, name = os.open(".", os.O_RDONLY), os.getcwd()
    try:
        os.chdir(folder)
        yield
    finally:
        try:
            os.fchdir(descriptor)
            os.close(descriptor)
        except OSError:  # the code inside has closed a descriptor that it does not own
            os.chdir(name)
