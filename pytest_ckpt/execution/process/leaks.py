"""Save an object many times, and find what grows: files, threads, processes, descriptors, memory."""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib

from ...specs import NamedScenario
from ...verdicts import Observation
from ...workers.memory import resident_size
from ..checkpoint_files import empty_folder
from ..context import Workspace
from ..registry import Placement, procedure
from ..user_code import EarlyResult

#: How many saves are made. Growth is measured after the first part of them, when caches are full.
_SAVES, _WARM_UP = 200, 100


@procedure("process/leaks", Placement.IN_WORKER, time_factor=10)
def leaks(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save one object many times. After half of the saves nothing may grow any more."""
    subject = workspace.subject(scenario.saved)
    obj, payload, measured_saves = subject.build(), subject.payload_size(), _SAVES - _WARM_UP
    overwrites = True
    measured: list[dict[str, int]] = []
    for number in range(_SAVES):
        if not overwrites:
            empty_folder(workspace.folder)
        try:
            subject.save(workspace.path, obj)
        except EarlyResult:
            if number != 1:
                raise
            overwrites = False
            empty_folder(workspace.folder)
            subject.save(workspace.path, obj)
        if number % 4 == 0:
            subject.load(workspace.path)
        if number + 1 in (_WARM_UP, _WARM_UP + measured_saves // 2, _SAVES):
            gc.collect()
            measured.append(_counts(workspace.folder))
    limits = {
        "files": measured_saves // 10,
        "threads": measured_saves // 10,
        "child processes": measured_saves // 10,
        "open descriptors": measured_saves // 10,
        "bytes of memory": payload * measured_saves // 4,
    }
    for name, limit in limits.items():
        first, middle, last = (each[name] for each in measured)
        # A leak grows in both halves of the measured saves.
        if last - first > limit and last - middle > limit // 4 and middle - first > limit // 4:
            return Observation(excess=f"{last - first:,} more {name} after {measured_saves} more saves of {payload:,} bytes of values")
    return Observation()


def _counts(folder: pathlib.Path) -> dict[str, int]:
    return {
        "files": sum(1 for _ in folder.rglob("*")),
        "threads": len(os.listdir("/proc/self/task")),
        "child processes": _children(),
        "open descriptors": len(os.listdir("/proc/self/fd")),
        "bytes of memory": resident_size(),
    }


def _children() -> int:
    """Return how many processes this one has started that still run, or for which no `wait` was called."""
    count = 0
    for task in pathlib.Path("/proc/self/task").iterdir():
        # A thread may have ended meanwhile, and some systems do not list children.
        with contextlib.suppress(OSError):
            count += len((task / "children").read_text().split())
    return count
