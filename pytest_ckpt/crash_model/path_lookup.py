"""Resolve paths in a file system. One folder is known completely, the rest only as far as recorded calls mention it."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable

from .file_system import ROOT, Files, FileSystem, Link

#: A path may lead through so many symbolic links.
_MAX_LINKS = 40


class CannotFollow(Exception):
    """The recorded calls do not determine the files on disk. The message gives the reason."""


class PathLookup:
    """The known part of a file system, before and after the recorded calls.

    ``start`` is the file system at the beginning, including every node that is created later (without
    a name), and ``current`` is its present state. ``files`` are the entries of ``folder`` at the
    beginning, and ``root`` is its node. ``shorten`` shortens a path relative to the folder for messages.
    """

    def __init__(self, folder: pathlib.Path, files: Files, shorten: Callable[[str], str]) -> None:
        self.start, self.current = FileSystem(), FileSystem()
        self._last_node = ROOT
        self._shorten = shorten
        #: Folders that may have entries which no recorded call has mentioned.
        self._incomplete = {ROOT}
        self._given, self.folder = str(folder), str(folder.resolve())
        self.root = self._make_folder(self.folder)
        self._incomplete.discard(self.root)
        for relative in sorted(files):
            parent, _, name = f"{self.folder}/{relative}".rpartition("/")
            self.add_node(files[relative], (self.folder_at(parent), name))

    def add_node(self, content: bytes | Link | None, name: tuple[int, str] | None = None) -> int:
        """Add a node and return its number. With a name, as (folder, name), it exists since the beginning."""
        self._last_node += 1
        for file_system in (self.start, self.current):
            file_system.add(self._last_node, content)
            if name is not None:
                file_system.folders[name[0]][name[1]] = self._last_node
        return self._last_node

    def absolute(self, path: str, directory: str) -> str:
        """Return an absolute path. ``directory`` is the folder to which a relative path is relative; it is empty if unknown."""
        if path.startswith("/"):
            inside = path == self._given or path.startswith(f"{self._given}/")
            return self.folder + path[len(self._given) :] if inside else path
        if not directory:
            raise CannotFollow(f"the folder to which {path!r} is relative is unknown")
        return f"{directory}/{path}" if path else directory

    def resolve(self, path: str, follow: bool = False, links: int = 0) -> tuple[int, str, int | None]:
        """Return the folder of a path, the name in it, and its node, if any. ``follow`` follows a link at the end of the path.

        Raise KeyError if a folder on the way does not exist.
        """
        if links > _MAX_LINKS:
            raise CannotFollow(f"{path!r} leads through too many symbolic links")
        names = [name for name in path.split("/") if name not in ("", ".")]
        parents = [ROOT]
        for number, name in enumerate(names):
            last = number == len(names) - 1
            if name == "..":
                parents = parents[:-1] or [ROOT]
                continue
            node = self.current.folders[parents[-1]].get(name)
            if node in self.current.links and (follow or not last):
                target, directory = self.current.links[node].target, "/".join(names[:number])
                start = target if target.startswith("/") else f"/{directory}/{target}"
                return self.resolve("/".join([start, *names[number + 1 :]]), follow, links + 1)
            if last:
                return parents[-1], name, node
            if node is None:
                if parents[-1] not in self._incomplete:
                    raise KeyError(path)
                node = self.add_node(None, (parents[-1], name))
                self._incomplete.add(node)
            parents.append(node)
        return parents[-1], "", parents[-1]

    def find(self, path: str) -> int | None:
        """Return the node at a path, or None if it is unknown."""
        with contextlib.suppress(KeyError):
            return self.resolve(path, follow=True)[2]
        return None

    def folder_at(self, path: str) -> int:
        """Return the node of a folder, which is added if it is unknown."""
        node = self.resolve(path, follow=True)[2]
        return self._make_folder(path) if node is None else node

    def _make_folder(self, path: str) -> int:
        node = ROOT
        for name in path.split("/"):
            if name:
                inner = self.current.folders[node].get(name)
                if inner is None:
                    inner = self.add_node(None, (node, name))
                    self._incomplete.add(inner)
                node = inner
        return node

    def is_inside(self, path: str) -> bool:
        """Return whether a path is inside the folder."""
        return path.startswith(f"{self.folder}/")

    def display_name(self, path: str) -> str:
        """Return a path as messages show it."""
        if path == self.folder:
            return "the folder around it"
        return self._shorten(path[len(self.folder) + 1 :]) if self.is_inside(path) else path
