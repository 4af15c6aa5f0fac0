"""Confine this process: give up its privileges, and mount a small disk that only it sees."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib

#: Bytes of the small disk.
SMALL_DISK = 1 << 20
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_CAPABILITIES = 0x20080522  # version 3 of the structure, with two integers per set


def confine(folder: pathlib.Path) -> bool:
    """Mount a small disk at ``folder``, and give up the privilege to ignore file modes. Return whether the disk could be mounted.

    The disk disappears together with the process. Call this before any thread is started.
    """
    has_disk = _mount(folder)
    _give_up_privileges()
    return has_disk


def _mount(folder: pathlib.Path) -> bool:
    libc = _libc()
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS) != 0:
        # An unprivileged process may still mount in a new user namespace.
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


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
