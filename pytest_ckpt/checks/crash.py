"""The family `crash`: after a crash in `save`, the old or the new checkpoint is there, whole.

What saving does to the disk is recorded under strace, and each state that a crash could leave is put there again and loaded in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..specs import CrashSweep, InterruptSweep, Spec
from .base import Check, FormatProfile, check
from .process import CONTENT

#: More elements than fit into eight sectors of a disk, so that a write can be torn.
_MANY = 1200


def _crash(kind: str) -> Callable[[Callable[[FormatProfile], Iterator[Spec]]], Check]:
    return check(f"crash/{kind}", judges=CONTENT, premise=lambda spec: [spec.saved], apart=True)


def _over_old(kind: str, asking: FormatProfile) -> CrashSweep:
    return CrashSweep(kind, asking.subject(2, _MANY), asking.subject(1, _MANY))


@_crash("kill")
def kill(asking: FormatProfile) -> Iterator[Spec]:
    """A process that is killed while it saves over a checkpoint leaves the old one or the new one, whole.

    Asked after each thing that saving does to the disk, and within long writes. What else is left over does not matter, but that saving
    again has to work beside it. A format that does not save over what is there is asked in an empty place, where an error is right
    too.

    Why: a file that is written in place is neither the one nor the other while it is written, and the job is killed just
    then (Lightning-AI/pytorch-lightning#688, petuum/adaptdl#70, CanReader/FastNN#13, PrimeIntellect-ai/prime-rl#2992,
    harvard-edge/cs249r_book#2068).
    What to do: write to a name beside it, and rename when all is written; what says which checkpoint counts comes last. Expect
    temporary names and locks to be there already.
    """
    yield _over_old("kill", asking)


@_crash("exception")
def exception(asking: FormatProfile) -> Iterator[Spec]:
    """A KeyboardInterrupt while a checkpoint is saved over another leaves the old one or the new one, whole.

    Raised at each moment at which something has changed on disk, 32 at most, if Python is in charge then. Where `save` returns in
    spite of it, the new checkpoint has to be there. Saving again has to work afterwards.

    Why: somebody stops a run while it saves, and what was being written is closed as if it were complete
    (harvard-edge/cs249r_book#2068, PrimeIntellect-ai/prime-rl#2992).
    What to do: write to a name beside it, and rename only when nothing was raised.
    """
    yield InterruptSweep(asking.subject(2, _MANY), asking.subject(1, _MANY))


@_crash("power-loss")
def power_loss(asking: FormatProfile) -> Iterator[Spec]:
    """A machine that stops while a checkpoint is saved over another leaves the old one or the new one, whole.

    Asked for what POSIX allows: of what was not synced yet, each write and each name may be there or not, in any order, and of a write
    some sectors of 512 bytes. Up to 150 states, the simplest and the most telling first.

    Why: a rename may be on disk before the data of the file that it names, which then is empty or full of zeros
    (CanReader/FastNN#13, KempnerInstitute/KempnerForge#102).
    What to do: sync the file before it is renamed.
    """
    yield _over_old("power-loss", asking)


@_crash("durable")
def durable(asking: FormatProfile) -> Iterator[Spec]:
    """Once `save` has returned, a machine that stops takes nothing away: the new checkpoint is there, whole.

    Asked as in `crash/power-loss`, after `save`, and `wait` where the format has it.

    Why: a run deletes what it does not need any more, since it has saved, and the save was in memory alone
    (CanReader/FastNN#13, KempnerInstitute/KempnerForge#102).
    What to do: sync the files, then the folders that their names are in.
    """
    yield _over_old("durable", asking)


@_crash("new-path")
def new_path(asking: FormatProfile) -> Iterator[Spec]:
    """A crash while a checkpoint is saved into an empty place leaves nothing, an error, or the whole; never a part.

    Asked for a killed process and for a machine that stops. What loads as where nothing stands counts as nothing.

    Why: a checkpoint of which a part is there is taken for a whole one, and a run goes on with what it began with
    (RLinf/RLinf#1469, PrimeIntellect-ai/prime-rl#1825).
    What to do: write last what says that all is there, and look for it when loading.
    """
    yield CrashSweep("new-path", asking.subject(2, _MANY))
