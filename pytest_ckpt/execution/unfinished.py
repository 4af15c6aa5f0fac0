"""Find out whether a checkpoint was still being written when `save` returned, which explains lost values."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import Any

from ..verdicts import Observation
from .checkpoint_files import State, state_at, state_when_saved
from .context import CacheKey, Workspace
from .observations import is_restored
from .user_code import EarlyResult

STILL_WRITTEN = "the file was still being written when save returned: wait for the writer in save, or pass a function that waits as wait="
#: How long a failed example waits for a change of its files, and how many failed examples do, unless one saw a change.
_SECONDS, _EXAMPLES = 0.1, 2
_WAITS: CacheKey[str, int] = CacheKey("waits for unfinished checkpoints")


def is_written_later(path: pathlib.Path, before: State, seconds: float = _SECONDS) -> bool:
    """Return whether files of the checkpoint at ``path`` are written after the state ``before``, now or within some time.

    What is gone does not count: `load` may have removed it.
    """
    end = time.monotonic() + seconds
    while True:
        if any(before.get(name) != status for name, status in state_at(path).items()):
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)


def with_unfinished(workspace: Workspace, function: Callable[[Workspace, Any], Observation], spec: Any) -> Observation:
    """Return ``function(workspace, spec)``, with the cause if values are lost because the file was still being written."""
    try:
        found = function(workspace, spec)
    except EarlyResult as early:
        found = early.observation
    before = state_when_saved(workspace.path)
    failed = not is_restored(found) and found.unsafe is found.refused is found.crashed is None
    if not failed or found.cause or workspace.format.wait is not None or before is None:
        return found
    waits = workspace.context.cache(_WAITS)
    seconds = _SECONDS if waits.get("without a change", 0) < _EXAMPLES else 0.0
    if not is_written_later(workspace.path, before, seconds):
        waits["without a change"] = waits.get("without a change", 0) + 1
        return found
    waits["without a change"] = 0
    if found.unreadable is not None:
        return dataclasses.replace(found, unreadable=f"{STILL_WRITTEN}. {found.unreadable}")
    return dataclasses.replace(found, cause=STILL_WRITTEN)
