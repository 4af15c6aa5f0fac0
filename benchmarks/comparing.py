"""Measure how fast two equal tensors of 1 GiB are compared, relative to `memcmp`, and the extra memory.

Both sides run in turns, in CPU time, and the ratio is the median over the rounds. The extra memory is
the rise of the peak of the resident memory of the process (VmHWM, which Linux can reset), or the
peak that tracemalloc measures for Python and numpy if that is more.
"""

from __future__ import annotations

import ctypes
import importlib.util
import pathlib
import statistics
import sys
import time
import tracemalloc
from typing import Any

from table import Row

from pytest_ckpt import assert_identical

SIZE = 1 << 30
SIDE = 1 << 14
ROUNDS = 9
LEAST_RATIO = 0.9
LIMIT = 1 << 20
PROCESS = pathlib.Path("/proc/self")


def tensors(backend: str) -> tuple[Any, Any, int, int]:
    """Return two equal matrices of float32 and the addresses of their memory."""
    if backend == "torch":
        import torch

        first, second = torch.ones(SIDE, SIDE), torch.ones(SIDE, SIDE)
        return first, second, first.data_ptr(), second.data_ptr()
    import numpy as np

    ours, theirs = np.ones((SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)
    return ours, theirs, ours.ctypes.data, theirs.ctypes.data


def peak_of_process() -> int | None:
    """Return the most resident bytes since `reset_peak`, or None if the system does not report them."""
    status = PROCESS / "status"
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), None)


def reset_peak() -> None:
    """Let `peak_of_process` count from now on."""
    if (reset := PROCESS / "clear_refs").exists():
        reset.write_text("5")


def extra_memory(first: Any, second: Any) -> int:
    """Return the bytes that a comparison takes in addition to the two tensors."""
    reset_peak()
    before = peak_of_process()
    assert_identical(first, second)
    after = peak_of_process()
    tracemalloc.start()
    assert_identical(first, second)
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return traced if before is None or after is None else max(traced, after - before)


def seconds(function: Any, *arguments: Any) -> float:
    """Return the CPU seconds of one call."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def main(backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        Row(f"(c) {backend}, 1 GiB compared", "", f"{backend} is not installed").send()
        return
    memcmp = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None).memcmp
    memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    first, second, *addresses = tensors(backend)
    assert_identical(first[:1], second[:1])
    pairs = {"in C order": (first, second, LEAST_RATIO), "both transposed": (first.T, second.T, LEAST_RATIO)}
    for name, (ours, theirs, least) in pairs.items():
        mine, plain = [], []
        for _ in range(ROUNDS):
            plain.append(seconds(memcmp, *addresses, SIZE))
            mine.append(seconds(assert_identical, ours, theirs))
        ratio = statistics.median(peer / own for own, peer in zip(mine, plain, strict=True))
        extra = extra_memory(ours, theirs)
        what = f"(c) {backend}, 1 GiB compared, {name}"
        speeds = [f"{SIZE / statistics.median(times) / 1e9:.1f} GB/s" for times in (mine, plain)]
        Row(what, speeds[0], f"{speeds[1]} memcmp", f"{ratio:.2f}", f"{least} or more", ratio >= least).send()
        Row(f"{what}: extra memory", f"{extra / 1024:.0f} KiB", "", "", f"under {LIMIT >> 20} MiB", extra < LIMIT).send()


if __name__ == "__main__":
    main(sys.argv[1])
