"""A POSIX file system in memory: numbered nodes, folders that map names to nodes, and operations that change them.

A crash loses some of the operations. Nothing here knows how they were recorded, or which of them may be lost.
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
    """A symbolic link."""

    target: str


#: The entries below a folder by relative path: the bytes of a file, a Link, or None for a folder.
Files = Mapping[str, bytes | Link | None]


@dataclasses.dataclass(frozen=True)
class Write:
    """Write ``data`` into the file ``node`` at ``offset``. A gap before them is filled with zeros."""

    description: str
    node: int
    offset: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class Resize:
    """Truncate the file ``node`` to ``size``, or extend it with zeros."""

    description: str
    node: int
    size: int


@dataclasses.dataclass(frozen=True)
class SetNames:
    """Change names atomically. Each change is (folder, name, its new node), where None removes the name."""

    description: str
    changes: tuple[tuple[int, str, int | None], ...]


@dataclasses.dataclass(frozen=True)
class Sync:
    """Make the operations with the indices ``covers`` durable: no later crash loses them."""

    description: str
    covers: frozenset[int]


Operation = Write | Resize | SetNames | Sync


class FileSystem:
    """The nodes of a file system. A node without a name exists, but cannot be seen."""

    def __init__(self) -> None:
        self.files: dict[int, bytearray] = {}
        self.folders: dict[int, dict[str, int]] = {ROOT: {}}
        self.links: dict[int, Link] = {}

    def copy(self) -> FileSystem:
        """Return an independent copy."""
        other = FileSystem()
        other.files = {node: bytearray(content) for node, content in self.files.items()}
        other.folders = {node: dict(names) for node, names in self.folders.items()}
        other.links = dict(self.links)
        return other

    def add(self, node: int, content: bytes | Link | None) -> None:
        """Add a node without a name: a file, a link, or (None) an empty folder."""
        if content is None:
            self.folders[node] = {}
        elif isinstance(content, Link):
            self.links[node] = content
        else:
            self.files[node] = bytearray(content)

    def apply(self, operation: Operation) -> None:
        """Carry out an operation."""
        if isinstance(operation, Write):
            self.write(operation.node, operation.offset, operation.data)
        elif isinstance(operation, Resize):
            self._resize(self.files[operation.node], operation.size)
        elif isinstance(operation, SetNames):
            for folder, name, node in operation.changes:
                if node is None:
                    self.folders[folder].pop(name, None)
                else:
                    self.folders[folder][name] = node

    def write(self, node: int, offset: int, data: bytes) -> None:
        """Write data into a file."""
        file = self.files[node]
        if len(file) < offset:
            self._resize(file, offset)
        file[offset : offset + len(data)] = data

    def extend(self, node: int, size: int) -> None:
        """Extend a file with zeros to at least ``size`` bytes."""
        if len(self.files[node]) < size:
            self._resize(self.files[node], size)

    @staticmethod
    def _resize(file: bytearray, size: int) -> None:
        del file[size:]
        file.extend(bytes(size - len(file)))

    def files_below(self, folder: int) -> dict[str, bytes | Link | None]:
        """Return all entries below a folder."""
        found: dict[str, bytes | Link | None] = {}
        remaining = [("", folder)]
        while remaining:
            prefix, node = remaining.pop()
            for name, inner in self.folders[node].items():
                if inner in self.folders:
                    found[prefix + name] = None
                    # If only one half of two renames is applied, a folder can be inside itself. No disk
                    # can be in such a state, so the depth is limited.
                    if prefix.count("/") < 100:
                        remaining.append((f"{prefix}{name}/", inner))
                else:
                    found[prefix + name] = self.links[inner] if inner in self.links else bytes(self.files[inner])
        return found


def read_files(folder: pathlib.Path) -> dict[str, bytes | Link | None]:
    """Return all entries below a folder of the real disk."""
    found: dict[str, bytes | Link | None] = {}
    for path in folder.rglob("*"):
        relative = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[relative] = Link(os.readlink(path))
        else:
            found[relative] = None if path.is_dir() else path.read_bytes()
    return found


def write_files(folder: pathlib.Path, files: Files) -> None:
    """Create entries in an empty folder of the real disk."""
    for relative in sorted(files):
        path, content = folder / relative, files[relative]
        if content is None:
            path.mkdir()
        elif isinstance(content, Link):
            path.symlink_to(content.target)
        else:
            path.write_bytes(content)
