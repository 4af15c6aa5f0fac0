"""Measure the memory of this process, and how close to its limit a question came. `limits` sets the limits."""

from __future__ import annotations

import contextlib
import pathlib
import re
from collections.abc import Iterator


def data_size() -> int:
    """Return the bytes of data of this process, used or only reserved. This is the size that `limits` limits."""
    return _status("VmData")


def resident_size() -> int:
    """Return the bytes of this process that are in memory."""
    return _status("VmRSS")


def peak_size() -> int:
    """Return the largest `resident_size` since the last `reset_peak`, or 0 if the system does not report it."""
    return _status("VmHWM")


def reset_peak() -> bool:
    """Measure `peak_size` from now on. Return False if the system does not allow this."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0


#: For each question in progress (at most one, unless questions are nested): `resident_size` at its start, and its limit.
_in_progress: list[tuple[int, int]] = []


@contextlib.contextmanager
def measured(limit: int) -> Iterator[None]:
    """Measure the code inside, which may allocate ``limit`` bytes, for `peak_near_limit`."""
    reset_peak()
    # If the peak cannot be reset, only what exceeds the previous peak is measured.
    _in_progress.append((max(resident_size(), peak_size()), limit))
    try:
        yield
    finally:
        _in_progress.pop()


def peak_near_limit() -> int | None:
    """Return the bytes that the current question has allocated at its peak if they are most of its limit, and None otherwise.

    This tells a MemoryError because of a limit from one because of an impossible size, which was
    refused before anything was allocated.
    """
    if not _in_progress:
        return None
    start, limit = _in_progress[-1]
    allocated = peak_size() - start
    return allocated if allocated > limit // 2 else None
