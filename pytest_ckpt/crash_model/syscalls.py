"""What each system call does: a table of the calls that change a disk, or what is needed to follow those."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from .fd_table import CLONES, Open
from .file_system import Link
from .path_lookup import Lost
from .strace_log import Call, NotShown, descriptor_in, path_in, strings_in
from .tracker import Follower

#: Names of what a process has open itself.
_OWN = re.compile(r"^/(?:proc/(?:self|thread-self|\d+)|dev)/fd/(\d+)$")
#: Where what is opened is no file that keeps what is written; in memory that all processes share, it does.
_NO_FILES = re.compile(r"^/(?:proc|sys|dev(?!/shm/))/")


def follow(follower: Follower, calls: list[Call]) -> None:
    """Follows calls, in the order in which they ended. Raises Lost."""
    follower.processes.expect(calls)
    for call in calls:
        follower.call, follower.before = call.number, call.before
        effect = _EFFECTS.get(call.name)
        if effect is None or call.failed:
            continue
        try:
            effect(follower, call)
        except NotShown:
            raise Lost(f"a {call.name} was too long to be recorded") from None
        except KeyError as error:
            raise Lost(f"a {call.name} is about {error}, which was not seen to come into being") from error


def _open(follower: Follower, call: Call) -> None:
    parts = call.parts
    beside = parts.pop(0) if call.name.startswith("openat") else None
    flags = "O_WRONLY|O_CREAT|O_TRUNC" if call.name == "creat" else " ".join(parts[1:])
    path, (_, real) = _absolute(follower, call, path_in(parts[0]), beside), descriptor_in(call.returned)
    file = None
    if own := _OWN.match(path):
        known = follower.processes.known(call, own[1])
        file = Open(known.node if known else follower.found(real), real)
    elif real.startswith("/") and not _NO_FILES.match(path):
        file = follower.open(path, real, flags)
    follower.processes.now(call, call.result, file)


def _close(follower: Follower, call: Call) -> None:
    follower.processes.close(call, call.arguments)


def _duplicate(follower: Follower, call: Call) -> None:
    if call.name != "fcntl" or "F_DUPFD" in call.arguments:
        follower.processes.now(call, call.result, follower.processes.known(call, call.parts[0]))


def _chdir(follower: Follower, call: Call) -> None:
    where = descriptor_in(call.arguments)[1] if call.name == "fchdir" else _absolute(follower, call, path_in(call.arguments))
    follower.processes.of(call.task).here = where


def _read(follower: Follower, call: Call) -> None:
    file = follower.processes.known(call, str(int(call.parts[0], 0)))
    if file is not None and file.offset is not None:
        file.offset += call.result


def _seek(follower: Follower, call: Call) -> None:
    file = follower.processes.known(call, call.parts[0])
    if file is not None:
        file.offset = call.result


def _write(follower: Follower, call: Call) -> None:
    parts = call.parts
    file = follower.processes.opened(call, parts[0])
    if file.node is None:
        return
    place = {"pwrite64": -1, "pwritev": -1, "pwritev2": -2}.get(call.name)
    flags = parts[-1] if call.name == "pwritev2" else ""
    offset = None if place is None else int(parts[place])
    if "RWF_APPEND" in flags:
        file = dataclasses.replace(file, appends=True)
    data = b"".join(strings_in(call.arguments))[: call.result]
    follower.write(file, None if offset == -1 else offset, data, through="SYNC" in flags)


def _truncate(follower: Follower, call: Call) -> None:
    if call.name == "ftruncate":
        file = follower.processes.opened(call, call.parts[0])
    else:
        path = _absolute(follower, call, path_in(call.arguments))
        file = Open(follower.found(path), path)
    follower.resize(file, int(call.parts[1]))


def _allocate(follower: Follower, call: Call) -> None:
    descriptor, mode, offset, length = call.parts
    follower.allocate(follower.processes.opened(call, descriptor), mode, int(offset), int(length))


def _rename(follower: Follower, call: Call) -> None:
    old, new, flags = _two_paths(follower, call)
    follower.rename(old, new, swaps="EXCHANGE" in flags)


def _link(follower: Follower, call: Call) -> None:
    old, new, flags = _two_paths(follower, call)
    own = _OWN.match(old)
    if own or "EMPTY_PATH" in flags:
        known = follower.processes.known(call, own[1] if own else call.parts[0])
        follower.link(known.node if known else None, "naming of what was written as {}", new)
    else:
        node = follower.place(old, follow="SYMLINK_FOLLOW" in flags)[2]
        follower.link(node, f"naming of {follower.called(old)} as {{}} too", new)


def _symlink(follower: Follower, call: Call) -> None:
    target, *beside, path = call.parts
    text = path_in(target)
    where = _absolute(follower, call, path_in(path), *beside)
    follower.name(f"creation of the link {{}} to {follower.called(text)}", where, Link(text))


def _mkdir(follower: Follower, call: Call) -> None:
    follower.name("creation of the folder {}", _one_path(follower, call), None)


def _unlink(follower: Follower, call: Call) -> None:
    is_folder = call.name == "rmdir" or "AT_REMOVEDIR" in call.arguments
    follower.unname("removal of the folder {}" if is_folder else "removal of {}", _one_path(follower, call))


def _sync(follower: Follower, call: Call) -> None:
    follower.sync(follower.processes.opened(call, call.arguments))


def _sync_everything(follower: Follower, call: Call) -> None:
    follower.sync_everything()


def _copy(follower: Follower, call: Call) -> None:
    parts = call.parts
    if call.name == "sendfile":
        parts = [parts[1], parts[2], parts[0], "NULL"]
    source, offset, target, target_offset = parts[:4]
    opened = follower.processes.opened
    follower.copy(opened(call, source), _place_in(offset), opened(call, target), _place_in(target_offset), call.result)


def _map(follower: Follower, call: Call) -> None:
    if "PROT_WRITE" in call.arguments and "MAP_SHARED" in call.arguments:
        path = descriptor_in(call.parts[4])[1]
        if follower.is_inside(path):
            raise Lost(f"{follower.called(path)} is mapped into memory, and what is written there cannot be seen")


def _unseen(follower: Follower, call: Call) -> None:
    raise Lost(f"it is written by {call.name}, which does not show what is written")


def _absolute(follower: Follower, call: Call, path: str, beside: str | None = None) -> str:
    """A path from the root; ``beside`` is the descriptor of the folder that it is relative to."""
    return follower.absolute(path, descriptor_in(beside)[1] if beside is not None else follower.processes.of(call.task).here)


def _one_path(follower: Follower, call: Call) -> str:
    return _absolute(follower, call, path_in(call.arguments), call.parts[0] if call.name.endswith("at") else None)


def _two_paths(follower: Follower, call: Call) -> tuple[str, str, str]:
    """The old and the new path, and the flags."""
    parts = call.parts
    if call.name in ("rename", "link"):
        return _absolute(follower, call, path_in(parts[0])), _absolute(follower, call, path_in(parts[1])), ""
    first, second = (_absolute(follower, call, path_in(parts[at + 1]), parts[at]) for at in (0, 2))
    return first, second, "".join(parts[4:])


def _place_in(text: str) -> int | None:
    """An offset that a call was given, as a place in memory that holds one."""
    return None if text == "NULL" else int(text.split("]")[0].strip("["))


_EFFECTS: dict[str, Callable[[Follower, Call], None]] = {
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
    **dict.fromkeys(("io_uring_enter", "io_submit"), _unseen),
}
#: All that has to be traced.
TRACED: tuple[str, ...] = (*_EFFECTS, *CLONES)
