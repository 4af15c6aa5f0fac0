"""Follows what is done to a disk, and keeps the operations that change what stands in one folder, and those that sync it.

Where something cannot be seen or followed `Lost` is raised, so that nothing is said about what was not understood.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from .fd_table import Open, Processes, Standing
from .file_system import Files, Link, Naming, Operation, Resize, Sync, Write
from .path_lookup import Lost, Names


class Follower(Names):
    """Follows from what stands in ``folder``, and what a process is in the middle of. ``call`` is the number of the system call that is
    being followed, ``before`` how many had ended when it began."""

    def __init__(self, folder: pathlib.Path, files: Files, standing: Standing, shown: Callable[[str], str] = str) -> None:
        super().__init__(folder, files, shown)
        self.processes = Processes(standing, self.found)
        self.call = self.before = 0
        self._operations: list[Operation] = []
        #: For each operation the number of its call.
        self._calls: list[int] = []

    def _do(self, operation: Operation) -> None:
        self.now.apply(operation)
        self._operations.append(operation)
        self._calls.append(self.call)

    def open(self, path: str, real: str, flags: str) -> Open:
        """Opens what stands at a path, or is made there; ``real`` is where that was found to be."""
        writes, through = "O_WRONLY" in flags or "O_RDWR" in flags, "O_SYNC" in flags or "O_DSYNC" in flags
        if "O_TMPFILE" in flags:
            return Open(self.born(b""), real, 0, False, through)
        folder, name, node = self.place(path, follow="O_NOFOLLOW" not in flags)
        if node is None and "O_CREAT" in flags:
            node = self.born(b"")
            self._do(Naming(f"creation of {self.called(real)}", ((folder, name, node),)))
        elif node is None and "O_DIRECTORY" in flags:
            node = self.folder_at(path)
        elif node is None and writes:
            node = self.born(b"", (folder, name))  # somebody's file, elsewhere, that was there before
        elif node is not None and "O_TRUNC" in flags and self.now.files.get(node):
            self._do(Resize(f"truncation of {self.called(real)} to 0 bytes", node, 0))
        return Open(node, real, 0, "O_APPEND" in flags, through)

    def write(self, file: Open, offset: int | None, data: bytes, through: bool = False) -> None:
        """``offset`` is None where the open file knows it; ``through`` says that the call itself syncs what it writes."""
        if file.node not in self.now.files or file.node is None or not data:
            return
        at = len(self.now.files[file.node]) if file.appends else file.offset if offset is None else offset
        name = self.called(file.path)
        if at is None:
            raise Lost(f"nobody knows where in {name} was written")
        if offset is None:
            file.offset = at + len(data)
        self._do(Write(f"write of {len(data)} bytes at {at} of {name}", file.node, at, data))
        if file.through or through:
            self._do(Sync(f"sync of these bytes of {name}", frozenset({len(self._operations) - 1})))

    def resize(self, file: Open, size: int) -> None:
        if file.node in self.now.files and file.node is not None and size != (before := len(self.now.files[file.node])):
            what = "truncation" if size < before else "extension"
            self._do(Resize(f"{what} of {self.called(file.path)} to {size} bytes", file.node, size))

    def allocate(self, file: Open, mode: str, offset: int, length: int) -> None:
        if file.node not in self.now.files or file.node is None:
            return
        size = len(self.now.files[file.node])
        end = size if "KEEP_SIZE" in mode else max(size, offset + length)
        if "COLLAPSE" in mode or "INSERT" in mode:
            raise Lost(f"a range of {self.called(file.path)} was taken out or put in")
        if "PUNCH_HOLE" in mode or "ZERO_RANGE" in mode:
            self.write(dataclasses.replace(file, appends=False), offset, bytes(max(0, min(end, offset + length) - offset)))
        self.resize(file, end)

    def name(self, words: str, path: str, content: bytes | Link | None) -> None:
        """A new node stands at a path."""
        folder, name, _ = self.place(path)
        self._do(Naming(words.format(self.called(path)), ((folder, name, self.born(content)),)))

    def unname(self, words: str, path: str) -> None:
        folder, name, node = self.place(path)
        if node is not None:
            self._do(Naming(words.format(self.called(path)), ((folder, name, None),)))

    def link(self, node: int | None, words: str, new: str) -> None:
        if node is None:
            raise Lost(f"{self.called(new)} is a name for something that was not seen to be written")
        folder, name, _ = self.place(new)
        self._do(Naming(words.format(self.called(new)), ((folder, name, node),)))

    def rename(self, old: str, new: str, swaps: bool = False) -> None:
        source, taken, node = self.place(old)
        target, given, there = self.place(new)
        if node is None:
            if self.is_inside(new):
                raise Lost(f"{self.called(new)} came from {old}, and was not seen to be written there")
            self.now.folders[target].pop(given, None)
        elif node != there:
            words = f"rename of {self.called(old)} to {self.called(new)}"
            self._do(Naming(words, ((source, taken, there if swaps else None), (target, given, node))))

    def sync(self, file: Open) -> None:
        """What had been done to a file or folder when the call began is on the disk now. A new file's name is its folder's."""
        node, name = file.node, self.called(file.path)
        if node in self.now.folders:
            # A rename between two folders is on the disk with the one that it leads to.
            words = f"sync of {name}" if node == self.root else f"sync of the folder {name}"
            self._sync(words, lambda each: isinstance(each, Naming) and each.changes[-1][0] == node)
        elif node is not None:
            self._sync(f"sync of {name}", lambda each: isinstance(each, Write | Resize) and each.node == node)

    def sync_everything(self) -> None:
        self._sync("sync of everything", lambda each: not isinstance(each, Sync))

    def _sync(self, words: str, covers: Callable[[Operation], bool]) -> None:
        done = zip(self._operations, self._calls, strict=True)
        self._do(Sync(words, frozenset(number for number, (each, call) in enumerate(done) if call <= self.before and covers(each))))

    def copy(self, source: Open, offset: int | None, target: Open, target_offset: int | None, count: int) -> None:
        """Bytes that go from file to file, or to none that matters, without the process seeing them."""
        at = source.offset if offset is None else offset
        if offset is None and at is not None:
            source.offset = at + count
        if target.node not in self.now.files or not count:
            return
        words = f"what was copied from {self.called(source.path)} into {self.called(target.path)}"
        if source.node in self.now.files and source.node is not None:
            content = bytes(self.now.files[source.node])
        else:
            try:
                content = pathlib.Path(source.path).read_bytes()
            except OSError:
                raise Lost(f"{words} cannot be read any more") from None
        if at is None or len(content) < at + count:
            raise Lost(f"{words} is not known")
        self.write(target, target_offset, content[at : at + count])

    def operations(self) -> tuple[Operation, ...]:
        """Those that change what stands in the folder, be it that it was moved there later, and the syncs of these, in order."""
        inside = self._inside()

        def matters(operation: Operation) -> bool:
            if isinstance(operation, Naming):
                return any(folder in inside or node in inside for folder, _, node in operation.changes)
            return not isinstance(operation, Sync) and operation.node in inside

        wanted = {number for number, operation in enumerate(self._operations) if matters(operation)}
        return _picked(self._operations, wanted)

    def _inside(self) -> set[int]:
        """The nodes that stand in the folder at some time."""
        names = [(folder, node) for disk in (self.start, self.now) for folder, held in disk.folders.items() for node in held.values()]
        names += [(folder, node) for each in self._operations if isinstance(each, Naming) for folder, _, node in each.changes if node]
        inside: set[int] = set()
        more = {self.root}
        while more - inside:
            inside |= more
            more = {node for folder, node in names if folder in inside}
        return inside


def _picked(operations: Sequence[Operation], wanted: set[int]) -> tuple[Operation, ...]:
    """The wanted operations and the syncs that cover one of them; syncs then count by their new places."""
    places: dict[int, int] = {}
    found: list[Operation] = []
    for number, operation in enumerate(operations):
        if isinstance(operation, Sync):
            covers = frozenset(places[each] for each in operation.covers if each in places)
            if covers:
                found.append(dataclasses.replace(operation, covers=covers))
        elif number in wanted:
            places[number] = len(found)
            found.append(operation)
    return tuple(found)
