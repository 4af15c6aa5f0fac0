"""What Linux lets a process be limited in: memory, the size of files, privileges, a disk of its own. Only what a worker does to itself."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import re
import resource
import signal
from collections.abc import Iterator

#: How many threads a question may start, and for each processor how many more: libraries start some for each. The stacks of all of them
#: count as data, though next to nothing of them is used.
_THREADS, _THREADS_EACH = 64, 4
#: Bytes of a thread's stack where the limit of the process does not say them.
_STACK = 8 << 20
#: How many bytes the small disk of a confined worker holds.
SMALL_DISK = 1 << 20
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_CAPABILITIES = 0x20080522  # the third version of the structure, two words a set


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def die_with(parent: int | None) -> None:
    """Ends this process when the one that started it ends, however that comes about."""
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def held(what: str = "VmData") -> int:
    """Bytes of memory of this process, as the line ``what`` of its status says: VmData, VmRSS, VmHWM."""
    found = re.search(rf"^{what}:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def peak_begins() -> bool:
    """From now on VmHWM is the peak since now; False where this machine lets nobody begin anew."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _stacks() -> int:
    """Bytes of the stacks of all threads that a question may start."""
    size = resource.getrlimit(resource.RLIMIT_STACK)[0]
    return (size if 0 < size <= _STACK else _STACK) * (_THREADS + _THREADS_EACH * (os.cpu_count() or 1))


#: What the process held when the question began that it is at work on, and how much more it may take; None outside of questions.
_BUDGET: list[tuple[int, int]] = []


def peak_above_start() -> int | None:
    """Bytes that were taken since the question began, if that is most of what it may take; None otherwise. So a size that was merely
    claimed and refused at once is told from a limit that was run into."""
    if not _BUDGET:
        return None
    start, allowed = _BUDGET[-1]
    took = held("VmHWM") - start
    return took if took > allowed // 2 else None


@contextlib.contextmanager
def limited(memory: int, file_size: int | None) -> Iterator[None]:
    """Limits for one question, taken off afterwards."""
    wanted = {resource.RLIMIT_DATA: held() + memory + _stacks()}
    if file_size is not None:
        wanted[resource.RLIMIT_FSIZE] = file_size
    before = {kind: resource.getrlimit(kind) for kind in wanted}
    for kind, amount in wanted.items():
        hard = before[kind][1]
        resource.setrlimit(kind, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))
    peak_begins()
    # Where the peak cannot begin anew, it counts from the highest there was.
    _BUDGET.append((max(held("VmRSS"), held("VmHWM")), memory))
    try:
        yield
    finally:
        _BUDGET.pop()
        for kind, both in before.items():
            resource.setrlimit(kind, both)


def confine(folder: pathlib.Path) -> bool:
    """Gives this process a small disk of its own at ``folder``, which goes with it, and takes away the privilege to write where
    modes forbid it. Says whether it has the disk. Before any thread is started."""
    has_disk = _mount(folder)
    _give_up_privileges()
    return has_disk


def _mount(folder: pathlib.Path) -> bool:
    libc = _libc()
    # Without privileges of one's own, a user namespace gives those that a mount takes.
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS) != 0:
        if libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER) != 0:
            return False
        with contextlib.suppress(OSError):
            pathlib.Path("/proc/self/setgroups").write_text("deny")
            pathlib.Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            pathlib.Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    if libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        return False
    return bool(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={SMALL_DISK},mode=777".encode()) == 0)


def _give_up_privileges() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    _libc().capset(header, (ctypes.c_uint32 * 6)())
