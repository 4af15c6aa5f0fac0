"""The table of system calls: what each call that matters does to the file system, or to the open files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from .fd_table import CLONES, OpenFile
from .file_system import Link
from .path_lookup import CannotFollow
from .strace_log import Call, Truncated, descriptor_in, path_in, strings_in
from .tracker import Tracker

#: Paths of the open files of the process itself.
_OWN_FILE = re.compile(r"^/(?:proc/(?:self|thread-self|\d+)|dev)/fd/(\d+)$")
#: Paths that are not files on disk. Files in shared memory keep their content, so they are followed.
_NOT_ON_DISK = re.compile(r"^/(?:proc|sys|dev(?!/shm/))/")


def follow(tracker: Tracker, calls: list[Call]) -> None:
    """Apply calls in the order in which they ended. Raise `CannotFollow` if the effect of one is unknown."""
    tracker.processes.add_parents(calls)
    for call in calls:
        tracker.call, tracker.ended_before = call.number, call.ended_before
        handler = _HANDLERS.get(call.name)
        if handler is None or call.failed:
            continue
        try:
            handler(tracker, call)
        except Truncated:
            raise CannotFollow(f"a {call.name} is too long for the log") from None
        except KeyError as error:
            raise CannotFollow(f"a {call.name} uses {error}, whose creation was not recorded") from error


def _open(tracker: Tracker, call: Call) -> None:
    parts = call.parts
    folder = parts.pop(0) if call.name.startswith("openat") else None
    flags = "O_WRONLY|O_CREAT|O_TRUNC" if call.name == "creat" else " ".join(parts[1:])
    path, (_, real) = _absolute(tracker, call, path_in(parts[0]), folder), descriptor_in(call.returned)
    file = None
    if own := _OWN_FILE.match(path):
        known = tracker.processes.recorded_file(call, own[1])
        file = OpenFile(known.node if known else tracker.find(real), real)
    elif real.startswith("/") and not _NOT_ON_DISK.match(path):
        file = tracker.open(path, real, flags)
    tracker.processes.set(call, call.result, file)


def _close(tracker: Tracker, call: Call) -> None:
    tracker.processes.close(call, call.arguments)


def _duplicate(tracker: Tracker, call: Call) -> None:
    if call.name != "fcntl" or "F_DUPFD" in call.arguments:
        tracker.processes.set(call, call.result, tracker.processes.recorded_file(call, call.parts[0]))


def _chdir(tracker: Tracker, call: Call) -> None:
    directory = descriptor_in(call.arguments)[1] if call.name == "fchdir" else _absolute(tracker, call, path_in(call.arguments))
    tracker.processes.of(call.task).directory = directory


def _read(tracker: Tracker, call: Call) -> None:
    file = tracker.processes.recorded_file(call, str(int(call.parts[0], 0)))
    if file is not None and file.offset is not None:
        file.offset += call.result


def _seek(tracker: Tracker, call: Call) -> None:
    file = tracker.processes.recorded_file(call, call.parts[0])
    if file is not None:
        file.offset = call.result


def _write(tracker: Tracker, call: Call) -> None:
    parts = call.parts
    file = tracker.processes.file(call, parts[0])
    if file.node is None:
        return
    position = {"pwrite64": -1, "pwritev": -1, "pwritev2": -2}.get(call.name)
    flags = parts[-1] if call.name == "pwritev2" else ""
    offset = None if position is None else int(parts[position])
    if "RWF_APPEND" in flags:
        file = dataclasses.replace(file, appends=True)
    data = b"".join(strings_in(call.arguments))[: call.result]
    tracker.write(file, None if offset == -1 else offset, data, synchronous="SYNC" in flags)


def _truncate(tracker: Tracker, call: Call) -> None:
    if call.name == "ftruncate":
        file = tracker.processes.file(call, call.parts[0])
    else:
        path = _absolute(tracker, call, path_in(call.arguments))
        file = OpenFile(tracker.find(path), path)
    tracker.resize(file, int(call.parts[1]))


def _allocate(tracker: Tracker, call: Call) -> None:
    descriptor, mode, offset, length = call.parts
    tracker.allocate(tracker.processes.file(call, descriptor), mode, int(offset), int(length))


def _rename(tracker: Tracker, call: Call) -> None:
    old, new, flags = _two_paths(tracker, call)
    tracker.rename(old, new, exchange="EXCHANGE" in flags)


def _link(tracker: Tracker, call: Call) -> None:
    old, new, flags = _two_paths(tracker, call)
    own = _OWN_FILE.match(old)
    if own or "EMPTY_PATH" in flags:
        known = tracker.processes.recorded_file(call, own[1] if own else call.parts[0])
        tracker.link(known.node if known else None, "link of an unnamed file as {}", new)
    else:
        node = tracker.resolve(old, follow="SYMLINK_FOLLOW" in flags)[2]
        tracker.link(node, f"link of {tracker.display_name(old)} as {{}}", new)


def _symlink(tracker: Tracker, call: Call) -> None:
    target, *folder, path = call.parts
    text = path_in(target)
    link = _absolute(tracker, call, path_in(path), *folder)
    tracker.create(f"creation of the link {{}} to {tracker.display_name(text)}", link, Link(text))


def _mkdir(tracker: Tracker, call: Call) -> None:
    tracker.create("creation of the folder {}", _one_path(tracker, call), None)


def _unlink(tracker: Tracker, call: Call) -> None:
    is_folder = call.name == "rmdir" or "AT_REMOVEDIR" in call.arguments
    tracker.remove("removal of the folder {}" if is_folder else "removal of {}", _one_path(tracker, call))


def _sync(tracker: Tracker, call: Call) -> None:
    tracker.sync(tracker.processes.file(call, call.arguments))


def _sync_everything(tracker: Tracker, call: Call) -> None:
    tracker.sync_everything()


def _copy(tracker: Tracker, call: Call) -> None:
    parts = call.parts
    if call.name == "sendfile":
        parts = [parts[1], parts[2], parts[0], "NULL"]
    source, offset, target, target_offset = parts[:4]
    file = tracker.processes.file
    tracker.copy(file(call, source), _offset_in(offset), file(call, target), _offset_in(target_offset), call.result)


def _map(tracker: Tracker, call: Call) -> None:
    if "PROT_WRITE" in call.arguments and "MAP_SHARED" in call.arguments:
        path = descriptor_in(call.parts[4])[1]
        if tracker.is_inside(path):
            raise CannotFollow(f"{tracker.display_name(path)} is mapped into memory, and strace does not show writes to memory")


def _cannot_follow(tracker: Tracker, call: Call) -> None:
    raise CannotFollow(f"files are written by {call.name}, whose data strace does not show")


def _absolute(tracker: Tracker, call: Call, path: str, folder: str | None = None) -> str:
    """Return an absolute path. ``folder`` is the descriptor of the folder to which the path is relative."""
    return tracker.absolute(path, descriptor_in(folder)[1] if folder is not None else tracker.processes.of(call.task).directory)


def _one_path(tracker: Tracker, call: Call) -> str:
    return _absolute(tracker, call, path_in(call.arguments), call.parts[0] if call.name.endswith("at") else None)


def _two_paths(tracker: Tracker, call: Call) -> tuple[str, str, str]:
    """Return the old path, the new path, and the flags."""
    parts = call.parts
    if call.name in ("rename", "link"):
        return _absolute(tracker, call, path_in(parts[0])), _absolute(tracker, call, path_in(parts[1])), ""
    first, second = (_absolute(tracker, call, path_in(parts[position + 1]), parts[position]) for position in (0, 2))
    return first, second, "".join(parts[4:])


def _offset_in(text: str) -> int | None:
    """Return the offset at which an argument points, or None for a null pointer."""
    return None if text == "NULL" else int(text.split("]")[0].strip("["))


_HANDLERS: dict[str, Callable[[Tracker, Call], None]] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), _open),
    "close": _close,
    **dict.fromkeys(("dup", "dup2", "dup3", "fcntl"), _duplicate),
    **dict.fromkeys(("chdir", "fchdir"), _chdir),
    **dict.fromkeys(("read", "readv"), _read),
    "lseek": _seek,
    **dict.fromkeys(("write", "writev", "pwrite64", "pwritev", "pwritev2"), _write),
    **dict.fromkeys(("truncate", "ftruncate"), _truncate),
    "fallocate": _allocate,
    **dict.fromkeys(("rename", "renameat", "renameat2"), _rename),
    **dict.fromkeys(("link", "linkat"), _link),
    **dict.fromkeys(("symlink", "symlinkat"), _symlink),
    **dict.fromkeys(("mkdir", "mkdirat"), _mkdir),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), _unlink),
    **dict.fromkeys(("fsync", "fdatasync"), _sync),
    **dict.fromkeys(("sync", "syncfs"), _sync_everything),
    **dict.fromkeys(("sendfile", "copy_file_range", "splice"), _copy),
    "mmap": _map,
    **dict.fromkeys(("io_uring_enter", "io_submit"), _cannot_follow),
}
#: The calls that strace has to log.
TRACED: tuple[str, ...] = (*_HANDLERS, *CLONES)
