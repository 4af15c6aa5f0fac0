"""A disk as POSIX has it: files and folders are numbered nodes, a folder maps names to numbers, and operations change either.

What a crash can take away is a part of the operations. Knows neither how they were recorded nor which of them may go.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping

#: The node of "/".
ROOT = 0


@dataclasses.dataclass(frozen=True)
class Link:
    """A symbolic link, as what stands under a name."""

    target: str


#: What stands in a folder, by the path relative to it: the bytes of a file, a Link, or None for a folder.
Files = Mapping[str, bytes | Link | None]


@dataclasses.dataclass(frozen=True)
class Write:
    """``data`` is put into the file ``node`` at ``offset``; what lies between its end and there is zeros."""

    words: str
    node: int
    offset: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class Resize:
    """The file ``node`` is cut, or made longer by zeros."""

    words: str
    node: int
    size: int


@dataclasses.dataclass(frozen=True)
class Naming:
    """Names are given and taken, all at once: (folder, name, the node that has it from now on, or None)."""

    words: str
    changes: tuple[tuple[int, str, int | None], ...]


@dataclasses.dataclass(frozen=True)
class Sync:
    """From now on the operations with the numbers ``covers`` (from 0) are on the disk, whatever happens."""

    words: str
    covers: frozenset[int]


Operation = Write | Resize | Naming | Sync


class Disk:
    """The nodes of a disk. A node may be there and have no name, so that nobody can see it."""

    def __init__(self) -> None:
        self.files: dict[int, bytearray] = {}
        self.folders: dict[int, dict[str, int]] = {ROOT: {}}
        self.links: dict[int, Link] = {}

    def copy(self) -> Disk:
        other = Disk()
        other.files = {node: bytearray(content) for node, content in self.files.items()}
        other.folders = {node: dict(names) for node, names in self.folders.items()}
        other.links = dict(self.links)
        return other

    def add(self, node: int, content: bytes | Link | None) -> None:
        """A new node, without a name: a file, a link, or an empty folder."""
        if content is None:
            self.folders[node] = {}
        elif isinstance(content, Link):
            self.links[node] = content
        else:
            self.files[node] = bytearray(content)

    def apply(self, operation: Operation) -> None:
        if isinstance(operation, Write):
            self.write(operation.node, operation.offset, operation.data)
        elif isinstance(operation, Resize):
            self._resize(self.files[operation.node], operation.size)
        elif isinstance(operation, Naming):
            for folder, name, node in operation.changes:
                if node is None:
                    self.folders[folder].pop(name, None)
                else:
                    self.folders[folder][name] = node

    def write(self, node: int, offset: int, data: bytes) -> None:
        file = self.files[node]
        if len(file) < offset:
            self._resize(file, offset)
        file[offset : offset + len(data)] = data

    def lengthen(self, node: int, size: int) -> None:
        """Makes a file at least so long."""
        if len(self.files[node]) < size:
            self._resize(self.files[node], size)

    @staticmethod
    def _resize(file: bytearray, size: int) -> None:
        del file[size:]
        file.extend(bytes(size - len(file)))

    def look(self, folder: int) -> dict[str, bytes | Link | None]:
        """What stands in a folder, and in the folders in it."""
        found: dict[str, bytes | Link | None] = {}
        todo = [("", folder)]
        while todo:
            above, node = todo.pop()
            for name, inner in self.folders[node].items():
                if inner in self.folders:
                    found[above + name] = None
                    # A node that was moved into itself by half of two renames is no state that a disk can be in.
                    if above.count("/") < 100:
                        todo.append((f"{above}{name}/", inner))
                else:
                    found[above + name] = self.links[inner] if inner in self.links else bytes(self.files[inner])
        return found


def files_in(folder: pathlib.Path) -> dict[str, bytes | Link | None]:
    """What stands in a folder of the real disk."""
    found: dict[str, bytes | Link | None] = {}
    for above, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            place = pathlib.Path(above, name)
            relative = place.relative_to(folder).as_posix()
            if place.is_symlink():
                found[relative] = Link(os.readlink(place))
            else:
                found[relative] = None if place.is_dir() else place.read_bytes()
    return found


def put_into(folder: pathlib.Path, files: Files) -> None:
    """Makes an empty folder of the real disk hold just these."""
    for relative in sorted(files):
        place, content = folder / relative, files[relative]
        if content is None:
            place.mkdir()
        elif isinstance(content, Link):
            place.symlink_to(content.target)
        else:
            place.write_bytes(content)
