"""Measure the size of a checkpoint on disk."""

from __future__ import annotations

from ...specs import NamedScenario
from ...verdicts import Observation
from ..checkpoint_files import size_on_disk
from ..context import Workspace
from ..registry import procedure
from ..user_code import EarlyResult

#: Bytes of names, headers and alignment that are allowed in addition to one and a half times the values.
_OVERHEAD = 1 << 16
#: How often an object is saved at one path to see whether the file grows.
_SAVES = 3


@procedure("files/size")
def size(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Compare the bytes on disk with the bytes of values, after one save, or after several saves at one path."""
    subject = workspace.subject(scenario.saved)
    obj = subject.build()
    for number in range(_SAVES if scenario.how else 1):
        try:
            subject.save(workspace.path, obj)
        except EarlyResult as early:
            if number == 0:
                raise
            reason = early.observation.refused or early.observation.crashed
            return Observation(skipped=f"save does not overwrite a checkpoint: {reason}")
    payload, used = subject.payload_size(), size_on_disk(workspace.path) or 0
    allowed = payload + payload // 2 + _OVERHEAD
    excess = f"{used:,} bytes on disk for {payload:,} bytes of values (allowed: {allowed:,})" if used > allowed else None
    return Observation(excess=excess)
