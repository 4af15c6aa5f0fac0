"""What a crash can leave on a disk: the model of ALICE (Pillai and others, OSDI 2014).

A process that is killed leaves all that it had done, and of the write that it was in perhaps the first pages. A machine that
stops leaves what was synced; of what was not, each write, each change of size and each change of names may be there or not, whatever
was done in which order, and of a write perhaps only some sectors, the file as long as it should be, or not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..util.sampling import evenly_spaced
from .file_system import Disk, Files, Naming, Operation, Resize, Sync, Write
from .recording import History

SECTOR, PAGE = 512, 4096
#: How many states of one kind are asked about, and how many are looked at to find them.
MOST, MOST_SEEN = 150, 1500
#: Up to so many operations that are not synced, every choice among them is tried.
_EVERY_CHOICE = 6
#: Of more operations than this, writes that follow each other in one file are there or not as one.
_MOST_SINGLE = 24


#: How many operations that are not on disk are named.
_MOST_NAMED = 3


class Loss(NamedTuple):
    """What is not on the disk of the operation ``number`` (from 1): "all" of it; or, of a write, the bytes "from" ``at`` on; or
    those "before" ``at``, where then stands what stood there before, or zeros up to the length that the file has by it."""

    number: int
    what: str = "all"
    at: int = 0


class State(NamedTuple):
    """``after`` operations were done, of which the disk lacks ``lost``."""

    after: int
    lost: tuple[Loss, ...] = ()


def files_of(history: History, state: State) -> Files:
    """What stands in the folder."""
    disk = history.start.copy()
    losses = {loss.number: loss for loss in state.lost}
    for number, operation in enumerate(history.operations[: state.after], 1):
        if number in losses:
            _apply_part(disk, operation, losses[number])
        else:
            disk.apply(operation)
    return disk.look(history.root)


def _apply_part(disk: Disk, operation: Operation, loss: Loss) -> None:
    if loss.what == "all" or not isinstance(operation, Write):
        return
    if loss.what == "from":
        disk.write(operation.node, operation.offset, operation.data[: loss.at])
    else:
        disk.lengthen(operation.node, operation.offset + len(operation.data))
        disk.write(operation.node, operation.offset + loss.at, operation.data[loss.at :])


def in_words(history: History, state: State, returned: bool = False) -> str:
    """The state as one line: the operation after which it arises, or that saving had ``returned``, and what is not on the disk."""
    total = len(history.operations)
    words = f"after save had returned, and done {total} operations" if returned else "before the first operation"
    if state.after and not returned:
        words = f"after operation {state.after} of {total} ({history.operations[state.after - 1].words})"
    parts = [_part_in_words(history, loss, "it" if loss.number == state.after else None) for loss in state.lost if loss.what != "all"]
    gone = [_named(history, loss.number) for loss in state.lost if loss.what == "all"]
    if gone:
        more = [f"{len(gone) - _MOST_NAMED} more"] if len(gone) > _MOST_NAMED else []
        parts.append(f"{' and '.join([', '.join(gone[:_MOST_NAMED]), *more])} not on disk")
    return words + (f", with {', and '.join(parts)}" if parts else "")


def _named(history: History, number: int) -> str:
    return f"operation {number} ({history.operations[number - 1].words})"


def _part_in_words(history: History, loss: Loss, name: str | None) -> str:
    operation, name = history.operations[loss.number - 1], name or _named(history, loss.number)
    length = len(operation.data) if isinstance(operation, Write) else 0
    if loss.what == "from":
        return f"only the first {loss.at} bytes of {name} on disk"
    if loss.at >= length:
        return f"none of the bytes of {name} on disk, but the size that they gave the file"
    return f"only the last {length - loss.at} bytes of {name} on disk"


def kill_states(history: History, most: int = MOST) -> list[State]:
    """What a killed process can leave."""
    operations = history.operations
    whole = [State(after) for after in range(len(operations) + 1)]
    parts = [
        State(number, (Loss(number, "from", at),))
        for number, operation in enumerate(operations, 1)
        if isinstance(operation, Write)
        for at in _some(_boundaries(operation, PAGE))
    ]  # fmt: skip
    # Where there are too many, points at which names or sizes change are dearer than those between two writes.
    structural = [
        State(number - before)
        for number, operation in enumerate(operations, 1)
        if not isinstance(operation, Write | Sync)
        for before in (1, 0)
    ]  # fmt: skip
    ends = [State(0), State(len(operations))]
    return _distinct(
        history, _in_turn([[*ends, *evenly_spaced(structural, most)], evenly_spaced(whole, most), evenly_spaced(parts, most)]), most
    )


def power_states(history: History, returned: bool = False, most: int = MOST) -> list[State]:
    """What a machine that stops can leave: while saving, or where saving has ``returned``."""
    moments = [_Moment(history, len(history.operations))]
    if not returned:
        # What can be missing at any time can be missing right before the next sync, or at the end.
        syncs = [number for number, operation in enumerate(history.operations) if isinstance(operation, Sync)]
        moments = [*(_Moment(history, number) for number in syncs), *moments]
    choices = [_in_turn([moment.prefixes(), moment.without_one(), moment.torn(), moment.alone(), moment.every()]) for moment in moments]
    states = _in_turn(choices)
    return _distinct(history, states if returned else (_earliest(history, state) for state in states), most)


class _Moment:
    """The operations that had been done ``after`` so many, and of them the units that are not sure to be on the disk."""

    def __init__(self, history: History, after: int) -> None:
        self.after = after
        self.operations = history.operations
        done = history.operations[:after]
        synced = frozenset[int]().union(*(each.covers for each in done if isinstance(each, Sync)))
        numbers = [place + 1 for place, each in enumerate(done) if not isinstance(each, Sync) and place not in synced]
        self.pending = numbers
        self.units = [(number,) for number in numbers] if len(numbers) <= _MOST_SINGLE else self._units(numbers)

    def _units(self, numbers: list[int]) -> list[tuple[int, ...]]:
        """Operations in a row that change the content of one file, as one."""

        def of(number: int) -> tuple[int, int]:
            operation = self.operations[number - 1]
            return (operation.node, 0) if isinstance(operation, Write | Resize) else (-1, number)

        return [tuple(group) for _, group in itertools.groupby(numbers, of)]

    def lacking(self, units: Iterable[tuple[int, ...]], *parts: Loss) -> State:
        missing = {Loss(number) for unit in units for number in unit if number not in {part.number for part in parts}}
        return State(self.after, tuple(sorted([*missing, *parts])))

    def prefixes(self) -> Iterator[State]:
        """The last ones missing: none, all, or as many as you like."""
        counts = [len(self.units), 0, *range(len(self.units) - 1, 0, -1)]
        for count in dict.fromkeys(counts):
            yield self.lacking(self.units[count:])

    def without_one(self) -> Iterator[State]:
        """One missing, at every point: a name before the data behind it."""
        for count in range(len(self.units), 1, -1):
            for place in range(count - 1):
                yield self.lacking([self.units[place], *self.units[count:]])

    def alone(self) -> Iterator[State]:
        """All but one missing."""
        for place in range(len(self.units)):
            yield self.lacking([*self.units[:place], *self.units[place + 1 :]])
        # The names without the data, and the data without the names.
        for naming in (True, False):
            yield self.lacking([unit for unit in self.units if isinstance(self.operations[unit[0] - 1], Naming) is not naming])

    def torn(self) -> Iterator[State]:
        """A part of one write missing, and everything else there, or nothing after it."""
        for number in self.pending:
            operation = self.operations[number - 1]
            if not isinstance(operation, Write):
                continue
            boundaries = _some(_boundaries(operation, SECTOR))
            parts = [Loss(number, "from", at) for at in boundaries]
            parts += [Loss(number, "before", at) for at in [len(operation.data), *boundaries]]
            for part in parts:
                yield self.lacking([], part)
                yield self.lacking([(later,) for later in self.pending if later > number], part)

    def every(self) -> Iterator[State]:
        """Every choice, where they are few."""
        if len(self.units) <= _EVERY_CHOICE:
            for count in range(len(self.units) + 1):
                for missing in itertools.combinations(self.units, count):
                    yield self.lacking(missing)


def _boundaries(write: Write, size: int) -> list[int]:
    """Where in the data of a write blocks of the disk begin."""
    first = -write.offset % size or size
    return list(range(first, len(write.data), size))


def _some(places: Sequence[int]) -> list[int]:
    """The first, the middle and the last."""
    return list(dict.fromkeys([places[0], places[len(places) // 2], places[-1]])) if places else []


def _in_turn(several: Iterable[Iterable[State]]) -> Iterator[State]:
    """One of each, then another of each."""
    waiting = [iter(each) for each in several]
    while waiting:
        for each in list(waiting):
            try:
                yield next(each)
            except StopIteration:
                waiting.remove(each)


def _earliest(history: History, state: State) -> State:
    """The same state of the disk with as few operations done as can be: what comes last and is missing was not done yet."""
    after, missing = state.after, {loss.number for loss in state.lost if loss.what == "all"}
    while after and (after in missing or isinstance(history.operations[after - 1], Sync)):
        after -= 1
    return State(after, tuple(loss for loss in state.lost if loss.number <= after))


def _distinct(history: History, states: Iterable[State], most: int) -> list[State]:
    """States in which different things stand on the disk, of equal ones the one with the shortest description; the simplest first."""
    found: dict[object, State] = {}
    seen: set[State] = set()
    for state in itertools.islice(states, MOST_SEEN):
        if state in seen:
            continue
        seen.add(state)
        content = frozenset(files_of(history, state).items())
        if content not in found and len(found) >= most:
            break
        known = found.get(content)
        if known is None or _effort(state) < _effort(known):
            found[content] = state
    return sorted(found.values(), key=_effort)


def _effort(state: State) -> tuple[int, int]:
    return len(state.lost), state.after
