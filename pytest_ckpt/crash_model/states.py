"""States of a disk after a crash: how one is described, and how the interesting ones are chosen.

`kill` and `power_failure` say which states are possible.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .file_system import Files, FileSystem, Operation, Write
from .recording import History

#: By default so many states of one crash are returned, and so many candidates are considered.
MAX_STATES, MAX_CANDIDATES = 150, 1500
#: A description names so many of the lost operations.
_MAX_NAMED = 3


class LostPart(NamedTuple):
    """The part of the operation ``number`` (from 1) that is not on disk.

    ``part`` is "all"; or for a write "from", where the bytes from ``position`` on are lost, or
    "before", where the bytes before it are. In the last case the file has its new size, and the lost
    bytes are the old ones or zeros.
    """

    number: int
    part: str = "all"
    position: int = 0


class DiskState(NamedTuple):
    """A state in which the first ``done`` operations were carried out, but the disk lacks ``lost``."""

    done: int
    lost: tuple[LostPart, ...] = ()


def files_after(history: History, state: DiskState) -> Files:
    """Return the files in the folder in a state."""
    file_system = history.start.copy()
    losses = {loss.number: loss for loss in state.lost}
    for number, operation in enumerate(history.operations[: state.done], 1):
        if number in losses:
            _apply_rest(file_system, operation, losses[number])
        else:
            file_system.apply(operation)
    return file_system.files_below(history.root)


def _apply_rest(file_system: FileSystem, operation: Operation, loss: LostPart) -> None:
    """Apply an operation without the part that is lost."""
    if loss.part == "all" or not isinstance(operation, Write):
        return
    if loss.part == "from":
        file_system.write(operation.node, operation.offset, operation.data[: loss.position])
    else:
        file_system.extend(operation.node, operation.offset + len(operation.data))
        file_system.write(operation.node, operation.offset + loss.position, operation.data[loss.position :])


def describe(history: History, state: DiskState, returned: bool = False) -> str:
    """Return a state as one line: the last operation before the crash, or that save had ``returned``, and the lost operations."""
    total = len(history.operations)
    if returned:
        moment = f"after save returned ({total} operations)"
    elif state.done:
        moment = f"after operation {state.done} of {total} ({history.operations[state.done - 1].description})"
    else:
        moment = "before the first operation"
    parts = [_describe_part(history, loss, "it" if loss.number == state.done else None) for loss in state.lost if loss.part != "all"]
    lost = [_numbered(history, loss.number) for loss in state.lost if loss.part == "all"]
    if lost:
        more = [f"{len(lost) - _MAX_NAMED} more"] if len(lost) > _MAX_NAMED else []
        parts.append(f"{' and '.join([', '.join(lost[:_MAX_NAMED]), *more])} not on disk")
    return moment + (f", with {', and '.join(parts)}" if parts else "")


def _numbered(history: History, number: int) -> str:
    return f"operation {number} ({history.operations[number - 1].description})"


def _describe_part(history: History, loss: LostPart, name: str | None) -> str:
    operation, name = history.operations[loss.number - 1], name or _numbered(history, loss.number)
    length = len(operation.data) if isinstance(operation, Write) else 0
    if loss.part == "from":
        return f"only the first {loss.position} bytes of {name} on disk"
    if loss.position >= length:
        return f"no bytes of {name} on disk, but the new file size"
    return f"only the last {length - loss.position} bytes of {name} on disk"


def block_boundaries(write: Write, size: int) -> list[int]:
    """Return the positions in the data of a write at which a new block of the disk begins: the first, the middle and the last one."""
    first = -write.offset % size or size
    found = range(first, len(write.data), size)
    return list(dict.fromkeys([found[0], found[len(found) // 2], found[-1]])) if found else []


def interleave(groups: Iterable[Iterable[DiskState]]) -> Iterator[DiskState]:
    """Yield one state of each group, then another one of each, and so on."""
    remaining = [iter(group) for group in groups]
    while remaining:
        for group in list(remaining):
            try:
                yield next(group)
            except StopIteration:
                remaining.remove(group)


def distinct(history: History, states: Iterable[DiskState], count: int) -> list[DiskState]:
    """Return at most ``count`` states with different files, the simplest first. Of equal states the simplest one is kept."""
    found: dict[object, DiskState] = {}
    seen: set[DiskState] = set()
    for state in itertools.islice(states, MAX_CANDIDATES):
        if state in seen:
            continue
        seen.add(state)
        content = frozenset(files_after(history, state).items())
        if content not in found and len(found) >= count:
            break
        known = found.get(content)
        if known is None or _complexity(state) < _complexity(known):
            found[content] = state
    return sorted(found.values(), key=_complexity)


def _complexity(state: DiskState) -> tuple[int, int]:
    return len(state.lost), state.done
