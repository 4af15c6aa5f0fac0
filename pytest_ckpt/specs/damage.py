"""What is damaged in a checkpoint: the specs of the family `corruption`. Plain Python.

Offsets and names of files are those of the checkpoint as it was saved, whose own name is `checkpoint` and the format's suffix. Where
files differ from run to run, so may what stands at an offset; a file that is not there any more makes the example a skip.
"""

from __future__ import annotations

import dataclasses

from .base import Spec
from .scenarios import Scenario


class Damage(Spec):
    """Base of what can be done to a checkpoint's files."""


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Truncated(Damage):
    """Of ``file`` the first ``size`` bytes are left."""

    file: str
    size: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Flipped(Damage):
    """One bit of ``file`` is the other way round: number ``bit`` (0 is the lowest) of the byte at ``byte``."""

    file: str
    byte: int
    bit: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Zeroed(Damage):
    """The bytes of ``file`` from ``start`` to ``stop`` are zero."""

    file: str
    start: int
    stop: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Swapped(Damage):
    """Two blocks of ``file``, of ``size`` bytes each, stand in each other's place."""

    file: str
    first: int
    second: int
    size: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Appended(Damage):
    """``file`` has ``size`` more bytes at its end: "zeros", "noise", or those of the file itself, from its beginning ("again")."""

    file: str
    content: str
    size: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Missing(Damage):
    """``file`` is not there: a file, a folder with all that is in it, or, where it is an archive, its ``member``."""

    file: str
    member: str = ""


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Exchanged(Damage):
    """``file``, or its ``member``, is that of the other checkpoint."""

    file: str
    member: str = ""


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Spliced(Damage):
    """``file`` is that of the other checkpoint from the byte ``at`` on."""

    file: str
    at: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class DamageSweep(Scenario):
    """``saved`` is damaged in the ways of the check ``case`` ("corruption/truncate"), about ``count`` of them, each a `DamageCase`;
    ``other`` has the same structure and other values."""

    case: str
    saved: Spec
    other: Spec | None = None
    count: int = 64


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class DamageCase(Scenario):
    """``saved`` is saved, ``damage`` is done to its files, and they are loaded."""

    saved: Spec
    damage: Damage
    other: Spec | None = None
