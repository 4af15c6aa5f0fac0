"""Which states a power failure may leave on disk: the model of ALICE (Pillai et al., OSDI 2014).

Synced operations are on disk. Each other write, change of size and change of names is on disk or
not, in any combination. Of a write only some sectors may be on disk, and
the file may have its new size without the data.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from .file_system import Resize, SetNames, Sync, Write
from .recording import History
from .states import MAX_STATES, DiskState, LostPart, block_boundaries, distinct, interleave

_SECTOR = 512
#: With up to so many units that are not synced, every subset of them is tried.
_MAX_FOR_SUBSETS = 6
#: With more operations than this, successive writes to one file are lost or kept together.
_MAX_SEPARATE = 24


def power_failure_states(history: History, returned: bool = False, count: int = MAX_STATES) -> list[DiskState]:
    """Return the states after a power failure during a save, or after save has ``returned``; at most ``count``."""
    moments = [_Moment(history, len(history.operations))]
    if not returned:
        # Anything that can be lost at some moment can also be lost right before the next sync, or at the end.
        syncs = [number for number, operation in enumerate(history.operations) if isinstance(operation, Sync)]
        moments = [*(_Moment(history, number) for number in syncs), *moments]
    groups = [interleave([each.lost_suffixes(), each.lost_one(), each.torn_writes(), each.kept_one(), each.subsets()]) for each in moments]
    states = interleave(groups)
    return distinct(history, states if returned else (_earliest(history, state) for state in states), count)


class _Moment:
    """A moment after ``done`` operations. Operations that are lost or kept together are one unit."""

    def __init__(self, history: History, done: int) -> None:
        self.done = done
        self.operations = history.operations
        operations = history.operations[:done]
        synced = frozenset[int]().union(*(each.covers for each in operations if isinstance(each, Sync)))
        #: The numbers of the operations that may be lost.
        self.pending = [index + 1 for index, each in enumerate(operations) if not isinstance(each, Sync) and index not in synced]
        self.units = [(number,) for number in self.pending] if len(self.pending) <= _MAX_SEPARATE else self._grouped()

    def _grouped(self) -> list[tuple[int, ...]]:
        """Return the pending operations, with successive changes of the content of one file as one unit."""

        def key(number: int) -> tuple[int, int]:
            operation = self.operations[number - 1]
            return (operation.node, 0) if isinstance(operation, Write | Resize) else (-1, number)

        return [tuple(group) for _, group in itertools.groupby(self.pending, key)]

    def without(self, units: Iterable[tuple[int, ...]], *parts: LostPart) -> DiskState:
        """Return the state that lacks units and parts of operations."""
        partial = {part.number for part in parts}
        lost = {LostPart(number) for unit in units for number in unit if number not in partial}
        return DiskState(self.done, tuple(sorted([*lost, *parts])))

    def lost_suffixes(self) -> Iterator[DiskState]:
        """Lose nothing, everything, and any number of the last units."""
        counts = [len(self.units), 0, *range(len(self.units) - 1, 0, -1)]
        for count in dict.fromkeys(counts):
            yield self.without(self.units[count:])

    def lost_one(self) -> Iterator[DiskState]:
        """Lose one unit and all after a later one, for example data, but not the name of their file."""
        for count in range(len(self.units), 1, -1):
            for index in range(count - 1):
                yield self.without([self.units[index], *self.units[count:]])

    def kept_one(self) -> Iterator[DiskState]:
        """Keep only one unit; only changes of names; and only changes of contents."""
        for index in range(len(self.units)):
            yield self.without([*self.units[:index], *self.units[index + 1 :]])
        for lost in (True, False):
            yield self.without([unit for unit in self.units if isinstance(self.operations[unit[0] - 1], SetNames) is not lost])

    def torn_writes(self) -> Iterator[DiskState]:
        """Lose a part of one write, and nothing else or everything after it."""
        for number in self.pending:
            operation = self.operations[number - 1]
            if not isinstance(operation, Write):
                continue
            boundaries = block_boundaries(operation, _SECTOR)
            parts = [LostPart(number, "from", position) for position in boundaries]
            parts += [LostPart(number, "before", position) for position in [len(operation.data), *boundaries]]
            for part in parts:
                yield self.without([], part)
                yield self.without([(later,) for later in self.pending if later > number], part)

    def subsets(self) -> Iterator[DiskState]:
        """Lose every subset of the units, if there are few."""
        if len(self.units) <= _MAX_FOR_SUBSETS:
            for count in range(len(self.units) + 1):
                for lost in itertools.combinations(self.units, count):
                    yield self.without(lost)


def _earliest(history: History, state: DiskState) -> DiskState:
    """Return the same state at the earliest moment: if the last operations are lost, they need not have been carried out."""
    done, lost = state.done, {loss.number for loss in state.lost if loss.part == "all"}
    while done and (done in lost or isinstance(history.operations[done - 1], Sync)):
        done -= 1
    return DiskState(done, tuple(loss for loss in state.lost if loss.number <= done))
