"""Start workers under strace, to record or to delay their operations on the disk."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys

from ..workers import Worker, WorkerDied

#: Like a worker, the tracer ends with the process that started it. The traced worker ends with the tracer.
_LAUNCHER = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0); "
    "os.getppid() == int(sys.argv[1]) or os._exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)
#: The calls that change a file or a name, which a slowed worker delays.
_DELAYED = (
    "?write,?writev,?pwrite64,?pwritev,?pwritev2,?rename,?renameat,?renameat2,?unlink,?unlinkat,?rmdir,?ftruncate,?copy_file_range,"
    "?sendfile"
)
#: Microseconds of the delay before, and again after, each of these calls.
DELAY = 1000


class CannotTrace(Exception):
    """No process can be traced here. The message gives the reason."""


def worker_under_strace(log: pathlib.Path, *options: str) -> Worker:
    """Start a worker under strace with these options. Raise `CannotTrace` if that is impossible here."""
    strace = shutil.which("strace")
    if strace is None:
        raise CannotTrace("the program strace is not installed")
    command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), strace, "-f", "--seccomp-bpf", *options]
    try:
        return Worker(log, launcher=command)
    except WorkerDied as died:
        # The first line gives the reason; later lines are consequences.
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        raise CannotTrace(f"strace cannot trace a process here: {lines[0] if lines else died}") from None


def slowed_worker(log: pathlib.Path, delay: int = DELAY) -> Worker:
    """Start a worker that pauses before and after each change to a file, so that other processes can act meanwhile.

    If no process can be traced here, the worker is an ordinary one.
    """
    try:
        delays = f"delay_enter={delay}:delay_exit={delay}"
        return worker_under_strace(
            log, "-qq", "-e", f"trace={_DELAYED}", "-e", f"inject={_DELAYED}:{delays}", "-e", "signal=none", "-o", "/dev/null"
        )  # fmt: skip
    except CannotTrace:
        return Worker(log)
