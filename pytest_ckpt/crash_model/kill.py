"""Which states a killed process may leave on disk: all operations up to some moment, and perhaps the first pages of one write."""

from __future__ import annotations

from ..util.sampling import evenly_spaced
from .file_system import Sync, Write
from .recording import History
from .states import MAX_STATES, DiskState, LostPart, block_boundaries, distinct, interleave

_PAGE = 4096


def kill_states(history: History, count: int = MAX_STATES) -> list[DiskState]:
    """Return the states after a kill at any moment; if there are more than ``count``, a selection."""
    operations = history.operations
    complete = [DiskState(done) for done in range(len(operations) + 1)]
    partial = [
        DiskState(number, (LostPart(number, "from", position),))
        for number, operation in enumerate(operations, 1)
        if isinstance(operation, Write)
        for position in block_boundaries(operation, _PAGE)
    ]  # fmt: skip
    # If there are too many states, moments around a change of names or sizes matter more than those between two writes.
    structural = [
        DiskState(number - before)
        for number, operation in enumerate(operations, 1)
        if not isinstance(operation, Write | Sync)
        for before in (1, 0)
    ]  # fmt: skip
    ends = [DiskState(0), DiskState(len(operations))]
    groups = [[*ends, *evenly_spaced(structural, count)], evenly_spaced(complete, count), evenly_spaced(partial, count)]
    return distinct(history, interleave(groups), count)
