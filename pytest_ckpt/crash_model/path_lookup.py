"""Where paths lead on a disk of which only one folder is known as a whole, and the rest as far as somebody has come by."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable

from .file_system import ROOT, Disk, Files, Link

#: How many links one name may lead through.
_MOST_LINKS = 40


class Lost(Exception):
    """What was done to the disk cannot be known; the message says why."""


class Names:
    """``start`` is the disk at the beginning, with all nodes that come later, ``now`` the disk so far. In ``folder``, the node ``root``,
    stand ``files`` at the beginning; ``shown`` turns a path in it into the one that a report shows."""

    def __init__(self, folder: pathlib.Path, files: Files, shown: Callable[[str], str]) -> None:
        self.start, self.now = Disk(), Disk()
        self._nodes = ROOT
        self._shown = shown
        #: Folders in which something may stand that nobody was told of.
        self._partly = {ROOT}
        self._given, self.folder = str(folder), str(folder.resolve())
        self.root = self._way_to(self.folder)
        self._partly.discard(self.root)
        for relative in sorted(files):
            above, _, name = f"{self.folder}/{relative}".rpartition("/")
            self.born(files[relative], (self.folder_at(above), name))

    def born(self, content: bytes | Link | None, name: tuple[int, str] | None = None) -> int:
        """A new node; with a name, as (folder, name), where it stands there from the beginning."""
        self._nodes += 1
        for disk in (self.start, self.now):
            disk.add(self._nodes, content)
            if name is not None:
                disk.folders[name[0]][name[1]] = self._nodes
        return self._nodes

    def absolute(self, path: str, above: str) -> str:
        """A path from the root; ``above`` is the folder that a relative one begins in."""
        if path.startswith("/"):
            inside = path == self._given or path.startswith(f"{self._given}/")
            return self.folder + path[len(self._given) :] if inside else path
        if not above:
            raise Lost(f"nobody knows which folder {path!r} is relative to")
        return f"{above}/{path}" if path else above

    def place(self, path: str, follow: bool = False, links: int = 0) -> tuple[int, str, int | None]:
        """Where a path leads: the folder, the name in it, and the node that has it, if any; ``follow`` goes on where that is a link.
        Raises KeyError where nothing is known to stand on the way."""
        if links > _MOST_LINKS:
            raise Lost(f"{path!r} leads through too many links")
        names = [name for name in path.split("/") if name not in ("", ".")]
        way = [ROOT]
        for number, name in enumerate(names):
            last = number == len(names) - 1
            if name == "..":
                way = way[:-1] or [ROOT]
                continue
            node = self.now.folders[way[-1]].get(name)
            if node in self.now.links and (follow or not last):
                target, above = self.now.links[node].target, "/".join(names[:number])
                start = target if target.startswith("/") else f"/{above}/{target}"
                return self.place("/".join([start, *names[number + 1 :]]), follow, links + 1)
            if last:
                return way[-1], name, node
            if node is None:
                if way[-1] not in self._partly:
                    raise KeyError(path)
                node = self.born(None, (way[-1], name))
                self._partly.add(node)
            way.append(node)
        return way[-1], "", way[-1]

    def found(self, path: str) -> int | None:
        """The node at a path, if it is known."""
        with contextlib.suppress(KeyError):
            return self.place(path, follow=True)[2]
        return None

    def folder_at(self, path: str) -> int:
        node = self.place(path, follow=True)[2]
        return self._way_to(path) if node is None else node

    def _way_to(self, path: str) -> int:
        """The folder at a path, made where nobody came by yet."""
        node = ROOT
        for name in path.split("/"):
            if name:
                inner = self.now.folders[node].get(name)
                if inner is None:
                    inner = self.born(None, (node, name))
                    self._partly.add(inner)
                node = inner
        return node

    def is_inside(self, path: str) -> bool:
        return path.startswith(f"{self.folder}/")

    def called(self, path: str) -> str:
        """The path in the words of a report."""
        if path == self.folder:
            return "the folder around it"
        return self._shown(path[len(self.folder) + 1 :]) if self.is_inside(path) else path
