"""The family `crash`: after a crash in `save`, the old or the new checkpoint is complete.

The operations of `save` on the disk are recorded by strace. Each state that a crash can leave on
the disk is created again, and loaded in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..specs import CrashSweep, InterruptSweep, Spec
from .base import MODEL, TREE, Check, check
from .process import CONTENT
from .profile import FormatProfile

#: Elements of a tensor that needs more than eight sectors of a disk, so that a write can be torn.
_SIZE = 1200


def _crash(kind: str) -> Callable[[Callable[[FormatProfile], Iterator[Spec]]], Check]:
    return check(
        f"crash/{kind}", judges=CONTENT, premise=lambda spec: [spec.saved], needs_worker=True, subjects={TREE, MODEL}
    )  # fmt: skip


def _over_old(kind: str, profile: FormatProfile) -> CrashSweep:
    return CrashSweep(kind, profile.subject(2, _SIZE), profile.subject(1, _SIZE))


@_crash("kill")
def kill(profile: FormatProfile) -> Iterator[Spec]:
    """If the process is killed while it saves over a checkpoint, the old or the new checkpoint is restored completely.

    The kill is simulated after each operation on the disk, and inside long writes. Leftovers are
    allowed, but saving again must work in spite of them. If the format cannot save over an existing
    checkpoint, it saves to an empty path; an error of `load` is then correct too.

    Why: a file that is written in place is incomplete while it is written, and that is when the job
    is killed (Lightning-AI/pytorch-lightning#688, petuum/adaptdl#70, CanReader/FastNN#13,
    PrimeIntellect-ai/prime-rl#2992, harvard-edge/cs249r_book#2068).
    What to do: write to a temporary name, and rename it when everything is written. Write last what
    tells which checkpoint is valid. Expect that temporary names and locks already exist.
    """
    yield _over_old("kill", profile)


@_crash("exception")
def exception(profile: FormatProfile) -> Iterator[Spec]:
    """If a KeyboardInterrupt ends `save` over a checkpoint, the old or the new checkpoint is restored completely.

    It is raised at each moment at which something has changed on disk, up to 32 of them, while
    Python code runs. If `save` returns in spite of it, the new checkpoint must be restored. Saving
    again must work afterwards.

    Why: a user stops a run while it saves, and an incomplete file is closed as if it were complete
    (harvard-edge/cs249r_book#2068, PrimeIntellect-ai/prime-rl#2992).
    What to do: write to a temporary name, and rename it only if nothing was raised.
    """
    yield InterruptSweep(profile.subject(2, _SIZE), profile.subject(1, _SIZE))


@_crash("power-loss")
def power_loss(profile: FormatProfile) -> Iterator[Spec]:
    """If the power fails during `save` over a checkpoint, the old or the new checkpoint is restored completely.

    The states are those that POSIX allows: each write and each name that is not yet synced may be
    on the disk or not, in any order, and only some 512-byte sectors of a write. Up to 150 states
    are loaded, the simplest and most important first.

    Why: a rename may be on the disk before the data of the renamed file, which is then empty or
    full of zeros (CanReader/FastNN#13, KempnerInstitute/KempnerForge#102).
    What to do: call fsync on the file before you rename it.
    """
    yield _over_old("power-loss", profile)


@_crash("durable")
def durable(profile: FormatProfile) -> Iterator[Spec]:
    """If the power fails after `save` has returned, the new checkpoint is restored completely.

    The states are those of `crash/power-loss`, after `save`, and after `wait` if the format has it.

    Why: a run has saved, and deletes what it no longer needs, but the checkpoint was only in memory
    (CanReader/FastNN#13, KempnerInstitute/KempnerForge#102).
    What to do: call fsync on the files, then on the folders that contain their names.
    """
    yield _over_old("durable", profile)


@_crash("new-path")
def new_path(profile: FormatProfile) -> Iterator[Spec]:
    """After a crash in `save` to an empty path, `load` returns the whole checkpoint, or finds none, or raises.

    Both a killed process and a power failure are simulated. An object that `load` also returns for
    an empty path counts as "finds none".

    Why: an incomplete checkpoint is taken for a complete one, and a run continues with initial
    values (RLinf/RLinf#1469, PrimeIntellect-ai/prime-rl#1825).
    What to do: write a marker of completeness last, and look for it in `load`.
    """
    yield CrashSweep("new-path", profile.subject(2, _SIZE))
