"""Measure the peak of memory while saving and loading."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from ...specs import NamedScenario
from ...verdicts import Observation
from ...workers.memory import peak_size, reset_peak, resident_size
from ..checkpoint_files import empty_folder
from ..context import Workspace
from ..registry import Placement, procedure
from ..subject import Subject

#: How many times the bytes of values the peak may be above the start.
_PEAK = 3
#: Bytes that are allowed in addition, for headers and for pages that are half used.
_SLACK = 1 << 20
#: How often a peak is measured.
_MEASUREMENTS = 3


@procedure("process/memory", Placement.IN_WORKER, memory=4 << 30)
def memory(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Compare the peak above the start, while saving and while loading, with the bytes of values."""
    if not reset_peak() or not peak_size():
        return Observation(skipped="this system does not report the peak of a process's memory")
    # What the first use imports, starts and caches does not count.
    small, path = workspace.subject(scenario.other), workspace.path
    small.save(path)
    small.load(path)
    empty_folder(workspace.folder)
    subject = workspace.subject(scenario.saved)
    payload = subject.payload_size()
    saving = _peak_of_saving(workspace, subject)  # The last of these checkpoints is then loaded.
    loading = _peak(lambda target: subject.load(path, target), subject.template)
    for name, used in (("save", saving), ("load", loading)):
        if used > _PEAK * payload + _SLACK:
            ratio = f"{used / payload:.1f} times as much; allowed: {_PEAK} times"
            return Observation(excess=f"{name} used {used:,} bytes at its peak for {payload:,} bytes of values ({ratio})")
    return Observation(note=f"peaks above the start: save {saving / payload:.1f}, load {loading / payload:.1f} times the values")


def _peak_of_saving(workspace: Workspace, subject: Subject) -> int:
    """Return the peak of saving. This is a function, so that the saved object is gone before loading is measured."""
    obj = subject.build()
    return _peak(lambda _: subject.save(workspace.path, obj), lambda: empty_folder(workspace.folder))


def _peak(work: Callable[[Any], Any], prepare: Callable[[], Any]) -> int:
    """Return the lowest of several peaks in bytes. Memory that an allocator happens to hold back does not count."""
    peaks = []
    for _ in range(_MEASUREMENTS):
        prepared = prepare()
        gc.collect()
        reset_peak()
        start = resident_size()
        result = work(prepared)
        peaks.append(peak_size() - start)
        del result, prepared
    return min(peaks)
