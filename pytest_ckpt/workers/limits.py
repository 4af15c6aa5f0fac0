"""Limit the memory of a question and the size of the files that it writes. `memory` measures."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator

from .memory import data_size, measured

#: Bytes that a question may allocate by default, in addition to the memory that is in use at its start.
MEMORY_LIMIT = 256 << 20
#: How many threads a question may start, and how many more for each processor, since libraries start
#: some for each. The kernel counts the stacks of all threads as data, although hardly any of it is used.
_THREADS, _THREADS_PER_PROCESSOR = 64, 4
#: Bytes of the stack of a thread if the process has no limit for it.
_STACK = 8 << 20


@contextlib.contextmanager
def limited(memory: int, file_size: int | None) -> Iterator[None]:
    """Limit the code inside to ``memory`` further bytes of data, and to files of ``file_size`` bytes. Remove the limits afterwards."""
    wanted = {resource.RLIMIT_DATA: data_size() + memory + _stacks()}
    if file_size is not None:
        wanted[resource.RLIMIT_FSIZE] = file_size
    before = {kind: resource.getrlimit(kind) for kind in wanted}
    for kind, amount in wanted.items():
        hard = before[kind][1]
        resource.setrlimit(kind, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))
    try:
        with measured(memory):
            yield
    finally:
        for kind, limits in before.items():
            resource.setrlimit(kind, limits)


def _stacks() -> int:
    """Return the bytes of the stacks of all threads that a question may start."""
    size = resource.getrlimit(resource.RLIMIT_STACK)[0]
    return (size if 0 < size <= _STACK else _STACK) * (_THREADS + _THREADS_PER_PROCESSOR * (os.cpu_count() or 1))
