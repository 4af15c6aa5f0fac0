"""Specs of the family `corruption`: one damage to the files of a checkpoint. Plain Python.

File names and offsets refer to the undamaged checkpoint, whose name is `checkpoint` plus the suffix
of the format. If a format writes different files in each run, the bytes at an offset may differ
too. If a file does not exist, the example is skipped.
"""

from __future__ import annotations

import dataclasses

from .base import Spec
from .scenarios import Scenario


class Damage(Spec):
    """Base of all kinds of damage."""


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Truncated(Damage):
    """``file`` is truncated to ``size`` bytes."""

    file: str
    size: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Flipped(Damage):
    """One bit of ``file`` is flipped: the bit number ``bit``, counted from the lowest, of the byte at offset ``byte``."""

    file: str
    byte: int
    bit: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Zeroed(Damage):
    """The bytes of ``file`` from ``start`` up to ``stop`` are set to zero."""

    file: str
    start: int
    stop: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Swapped(Damage):
    """Two blocks of ``file`` are swapped: ``size`` bytes at the offsets ``first`` and ``second``."""

    file: str
    first: int
    second: int
    size: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Appended(Damage):
    """``size`` bytes are appended to ``file``: "zeros", "noise", or the bytes of the file from its start ("again")."""

    file: str
    content: str
    size: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Missing(Damage):
    """``file`` is missing: a file, a folder with its contents, or the ``member`` of an archive."""

    file: str
    member: str = ""


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Exchanged(Damage):
    """``file``, or its ``member``, is replaced by that of the other checkpoint."""

    file: str
    member: str = ""


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Spliced(Damage):
    """``file`` is replaced by that of the other checkpoint from the offset ``at`` on."""

    file: str
    at: int


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class DamageSweep(Scenario):
    """About ``count`` cases of damage from one check, each a `DamageCase`.

    ``case`` is the name of the check, such as "corruption/truncate". ``other`` is an object of the
    same structure as ``saved`` with other values.
    """

    case: str
    saved: Spec
    other: Spec | None = None
    count: int = 64


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class DamageCase(Scenario):
    """``saved`` is saved, its files are damaged, and they are loaded."""

    saved: Spec
    damage: Damage
    other: Spec | None = None
