"""Turn recorded calls into the operations that change, or sync, the files in one folder.

Raise `CannotFollow` if the effect of a call is unknown: a crash must not be judged by a guess.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from .fd_table import OpenFile, Processes, ProcessState
from .file_system import Files, Link, Operation, Resize, SetNames, Sync, Write
from .path_lookup import CannotFollow, PathLookup


class Tracker(PathLookup):
    """Collects the operations, starting with the ``files`` in ``folder`` and the ``state`` of the process.

    ``call`` is the number of the current system call, and ``ended_before`` is how many calls had
    ended when it began.
    """

    def __init__(self, folder: pathlib.Path, files: Files, state: ProcessState, shorten: Callable[[str], str] = str) -> None:
        super().__init__(folder, files, shorten)
        self.processes = Processes(state, self.find)
        self.call = self.ended_before = 0
        self._operations: list[Operation] = []
        #: The number of the call of each operation.
        self._calls: list[int] = []

    def _add(self, operation: Operation) -> None:
        self.current.apply(operation)
        self._operations.append(operation)
        self._calls.append(self.call)

    def open(self, path: str, real: str, flags: str) -> OpenFile:
        """Open or create a file. ``real`` is its path without links."""
        writes, synchronous = "O_WRONLY" in flags or "O_RDWR" in flags, "O_SYNC" in flags or "O_DSYNC" in flags
        if "O_TMPFILE" in flags:
            return OpenFile(self.add_node(b""), real, 0, False, synchronous)
        folder, name, node = self.resolve(path, follow="O_NOFOLLOW" not in flags)
        if node is None and "O_CREAT" in flags:
            node = self.add_node(b"")
            self._add(SetNames(f"creation of {self.display_name(real)}", ((folder, name, node),)))
        elif node is None and "O_DIRECTORY" in flags:
            node = self.folder_at(path)
        elif node is None and writes:
            node = self.add_node(b"", (folder, name))  # a file outside the folder that existed before
        elif node is not None and "O_TRUNC" in flags and self.current.files.get(node):
            self._add(Resize(f"truncation of {self.display_name(real)} to 0 bytes", node, 0))
        return OpenFile(node, real, 0, "O_APPEND" in flags, synchronous)

    def write(self, file: OpenFile, offset: int | None, data: bytes, synchronous: bool = False) -> None:
        """Write data at ``offset``, by default at the offset of the open file. ``synchronous`` syncs the data as well."""
        if file.node not in self.current.files or file.node is None or not data:
            return
        start = len(self.current.files[file.node]) if file.appends else file.offset if offset is None else offset
        name = self.display_name(file.path)
        if start is None:
            raise CannotFollow(f"the offset of a write to {name} is unknown")
        if offset is None:
            file.offset = start + len(data)
        self._add(Write(f"write of {len(data)} bytes at {start} of {name}", file.node, start, data))
        if file.synchronous or synchronous:
            self._add(Sync(f"sync of these bytes of {name}", frozenset({len(self._operations) - 1})))

    def resize(self, file: OpenFile, size: int) -> None:
        """Truncate or extend a file."""
        if file.node in self.current.files and file.node is not None and size != (before := len(self.current.files[file.node])):
            what = "truncation" if size < before else "extension"
            self._add(Resize(f"{what} of {self.display_name(file.path)} to {size} bytes", file.node, size))

    def allocate(self, file: OpenFile, mode: str, offset: int, length: int) -> None:
        """Reserve, or fill with zeros, a range of a file, as fallocate does."""
        if file.node not in self.current.files or file.node is None:
            return
        size = len(self.current.files[file.node])
        end = size if "KEEP_SIZE" in mode else max(size, offset + length)
        if "COLLAPSE" in mode or "INSERT" in mode:
            raise CannotFollow(f"fallocate removed or inserted a range of {self.display_name(file.path)}")
        if "PUNCH_HOLE" in mode or "ZERO_RANGE" in mode:
            self.write(dataclasses.replace(file, appends=False), offset, bytes(max(0, min(end, offset + length) - offset)))
        self.resize(file, end)

    def create(self, description: str, path: str, content: bytes | Link | None) -> None:
        """Create a file, a link or a folder. ``description`` has a placeholder for its name, here and below."""
        folder, name, _ = self.resolve(path)
        self._add(SetNames(description.format(self.display_name(path)), ((folder, name, self.add_node(content)),)))

    def remove(self, description: str, path: str) -> None:
        """Remove a name."""
        folder, name, node = self.resolve(path)
        if node is not None:
            self._add(SetNames(description.format(self.display_name(path)), ((folder, name, None),)))

    def link(self, node: int | None, description: str, new: str) -> None:
        """Give an existing node another name."""
        if node is None:
            raise CannotFollow(f"{self.display_name(new)} is a link to a file whose content was not recorded")
        folder, name, _ = self.resolve(new)
        self._add(SetNames(description.format(self.display_name(new)), ((folder, name, node),)))

    def rename(self, old: str, new: str, exchange: bool = False) -> None:
        """Rename a file or folder over another one, or exchange the two."""
        source, old_name, node = self.resolve(old)
        target, new_name, replaced = self.resolve(new)
        if node is None:
            if self.is_inside(new):
                raise CannotFollow(f"{self.display_name(new)} was renamed from {old}, whose content was not recorded")
            self.current.folders[target].pop(new_name, None)
        elif node != replaced:
            description = f"rename of {self.display_name(old)} to {self.display_name(new)}"
            self._add(SetNames(description, ((source, old_name, replaced if exchange else None), (target, new_name, node))))

    def sync(self, file: OpenFile) -> None:
        """Make the operations on a file or folder durable that ended before the call began. A name belongs to its folder."""
        node, name = file.node, self.display_name(file.path)
        if node in self.current.folders:
            # A rename between two folders becomes durable with its target folder.
            description = f"sync of {name}" if node == self.root else f"sync of the folder {name}"
            self._sync(description, lambda each: isinstance(each, SetNames) and each.changes[-1][0] == node)
        elif node is not None:
            self._sync(f"sync of {name}", lambda each: isinstance(each, Write | Resize) and each.node == node)

    def sync_everything(self) -> None:
        """Sync all files and folders."""
        self._sync("sync of everything", lambda each: not isinstance(each, Sync))

    def _sync(self, description: str, covers: Callable[[Operation], bool]) -> None:
        done = zip(self._operations, self._calls, strict=True)
        covered = frozenset(number for number, (each, call) in enumerate(done) if call <= self.ended_before and covers(each))
        self._add(Sync(description, covered))

    def copy(self, source: OpenFile, offset: int | None, target: OpenFile, target_offset: int | None, count: int) -> None:
        """Copy bytes between files inside the kernel."""
        start = source.offset if offset is None else offset
        if offset is None and start is not None:
            source.offset = start + count
        if target.node not in self.current.files or not count:
            return
        names = f"from {self.display_name(source.path)} to {self.display_name(target.path)}"
        if source.node in self.current.files and source.node is not None:
            content = bytes(self.current.files[source.node])
        else:
            try:
                content = pathlib.Path(source.path).read_bytes()
            except OSError:
                raise CannotFollow(f"the bytes copied {names} can no longer be read") from None
        if start is None or len(content) < start + count:
            raise CannotFollow(f"the bytes copied {names} are unknown")
        self.write(target, target_offset, content[start : start + count])

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations on everything that is in the folder at some time, with their syncs, in order."""
        inside = self._inside()

        def is_inside(operation: Operation) -> bool:
            if isinstance(operation, SetNames):
                return any(folder in inside or node in inside for folder, _, node in operation.changes)
            return not isinstance(operation, Sync) and operation.node in inside

        wanted = {number for number, operation in enumerate(self._operations) if is_inside(operation)}
        return _select(self._operations, wanted)

    def _inside(self) -> set[int]:
        """Return the nodes that are in the folder at some time."""
        names = [
            (folder, node) for each in (self.start, self.current) for folder, entries in each.folders.items() for node in entries.values()
        ]
        names += [(folder, node) for each in self._operations if isinstance(each, SetNames) for folder, _, node in each.changes if node]
        inside: set[int] = set()
        more = {self.root}
        while more - inside:
            inside |= more
            more = {node for folder, node in names if folder in inside}
        return inside


def _select(operations: Sequence[Operation], wanted: set[int]) -> tuple[Operation, ...]:
    """Return the wanted operations and the syncs that cover one of them. The syncs refer to the new indices."""
    new_indices: dict[int, int] = {}
    found: list[Operation] = []
    for number, operation in enumerate(operations):
        if isinstance(operation, Sync):
            covers = frozenset(new_indices[each] for each in operation.covers if each in new_indices)
            if covers:
                found.append(dataclasses.replace(operation, covers=covers))
        elif number in wanted:
            new_indices[number] = len(found)
            found.append(operation)
    return tuple(found)
