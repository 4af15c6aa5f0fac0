"""Workers that run under strace: to see what they do to the disk, or to slow it down."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys

from ..workers import Worker, WorkerDied

#: The tracer ends with the process that wants it, as a worker does; what it traces ends with it.
_LAUNCH = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0); "
    "os.getppid() == int(sys.argv[1]) or os._exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)
#: What changes a file or a name, and takes a moment longer before and after in a slowed worker.
_SLOWED = (
    "?write,?writev,?pwrite64,?pwritev,?pwritev2,?rename,?renameat,?renameat2,?unlink,?unlinkat,?rmdir,?ftruncate,?copy_file_range,"
    "?sendfile"
)
#: Microseconds that it waits before each of them, and after.
DELAY = 1000


class CannotTrace(Exception):
    """Nothing can be traced here; the message says why."""


def worker_under_strace(log: pathlib.Path, *options: str) -> Worker:
    """A worker that is started under strace with these options. Raises CannotTrace."""
    strace = shutil.which("strace")
    if strace is None:
        raise CannotTrace("the program strace is not there, which shows what saving does to the disk")
    command = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), strace, "-f", "--seccomp-bpf", *options]
    try:
        return Worker(log, launcher=command)
    except WorkerDied as died:
        # The first of its words say what it was that failed.
        words = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        raise CannotTrace(f"strace cannot trace a process here: {words[0] if words else died}") from None


def slowed_worker(log: pathlib.Path, delay: int = DELAY) -> Worker:
    """A worker that stops for a moment before and after everything that changes a file, so that it can be met there. Where nothing
    can be traced, it is a worker like others."""
    try:
        delays = f"delay_enter={delay}:delay_exit={delay}"
        return worker_under_strace(
            log, "-qq", "-e", f"trace={_SLOWED}", "-e", f"inject={_SLOWED}:{delays}", "-e", "signal=none", "-o", "/dev/null"
        )  # fmt: skip
    except CannotTrace:
        return Worker(log)
