"""The files of a checkpoint: which ones a format owns, their content, and changes of it."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shutil
import time
from collections.abc import Iterable

from ..util.files import files_below, walk_paths
from ..verdicts import Difference

#: Names below a folder, with the bytes of each file; None for a folder.
Content = dict[str, bytes | None]
#: The number at the start of a checkpoint's name, which makes every name unique.
_NUMBER = re.compile(r"^\d+-")


def display_name(name: str) -> str:
    """Return the name of a checkpoint without the number that makes it unique."""
    return _NUMBER.sub("", name)


def owned_by(path: pathlib.Path) -> list[pathlib.Path]:
    """Return what a format owns that received ``path``: the path, and names that begin with it."""
    if not path.parent.is_dir():
        return []
    return sorted(entry for entry in path.parent.iterdir() if entry.name.startswith(path.name))


def files_of(path: pathlib.Path) -> list[pathlib.Path]:
    """Return every file of the checkpoint at ``path``, in all folders."""
    return [file for entry in owned_by(path) for file in files_below(entry)]


def size_on_disk(path: pathlib.Path) -> int | None:
    """Return the number of bytes in all files of the checkpoint at ``path``, or None if there is nothing."""
    return sum(file.stat().st_size for file in files_of(path)) if owned_by(path) else None


def content_of(entries: Iterable[pathlib.Path], folder: pathlib.Path) -> Content:
    """Return the content of files and folders, by names relative to ``folder``. Links are followed."""
    found: Content = {}
    for entry in entries:
        for each in walk_paths(entry):
            found[str(each.relative_to(folder))] = each.read_bytes() if each.is_file() else None
    return found


def content_at(path: pathlib.Path) -> Content:
    """Return the content of the checkpoint at ``path``."""
    return content_of(owned_by(path), path.parent)


def find_damage(before: Content, now: Content, label: str) -> list[Difference]:
    """Return a difference for each name of ``before`` that is gone, or has other bytes, ``now``; ``label`` describes the names."""
    found = []
    for name, content in before.items():
        current = now.get(name)
        if name in now and current == content:
            continue
        actual = "it is gone" if name not in now else "a folder" if current is None else f"{len(current)} different bytes"
        expected = "a folder" if content is None else f"its {len(content)} bytes"
        found.append(Difference(f"{label} {display_name(name)!r}", "values", expected, actual, lost=True))
    return found


def empty_folder(folder: pathlib.Path, tries: int = 20) -> bool:
    """Remove everything in a folder, and return whether that succeeded.

    A thread that a failed save left behind may still write to the folder, so removal is tried several times.
    """
    for _ in range(tries):
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    entry.unlink()
        if not any(folder.iterdir()):
            return True
        time.sleep(0.01)
    return False
