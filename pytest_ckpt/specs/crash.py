"""Specs of the family `crash`: a crash while a checkpoint is saved. Plain Python."""

from __future__ import annotations

import dataclasses

from .base import Spec
from .scenarios import Scenario

#: A killed process; a power failure during `save`, or after it; either of them, with no old checkpoint.
CRASHES = ("kill", "power-loss", "durable", "new-path")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class CrashSweep(Scenario):
    """All states on disk that a crash of this ``kind`` can leave, each a `CrashState`.

    ``saved`` is saved over ``old``; if ``old`` is None, to an empty path.
    """

    kind: str
    saved: Spec
    old: Spec | None = None

    def __post_init__(self) -> None:
        _check_kind(self.kind)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class CrashState(Scenario):
    """One state on disk after a crash.

    The first ``after`` operations of `save` were executed, but ``lost`` are not on the disk. Each
    is (number of the operation from 1, what, offset): "all" of the operation, or the bytes of a
    write "from" the offset on, or "before" it.
    """

    kind: str
    saved: Spec
    old: Spec | None = None
    after: int = 0
    lost: tuple[tuple[int, str, int], ...] = ()

    def __post_init__(self) -> None:
        _check_kind(self.kind)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class InterruptSweep(Scenario):
    """All moments at which something has changed on disk, each an `InterruptCase`.

    ``saved`` is saved over ``old``; if ``old`` is None, to an empty path.
    """

    saved: Spec
    old: Spec | None = None


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class InterruptCase(Scenario):
    """A KeyboardInterrupt at the moment number ``at``, counted from 1, at which something has changed on disk."""

    saved: Spec
    old: Spec | None = None
    at: int = 1


def _check_kind(kind: str) -> None:
    if kind not in CRASHES:
        raise ValueError(f"unknown kind of crash {kind!r}: expected one of: {', '.join(CRASHES)}")
