"""What somebody else has written in place of a checkpoint: the specs of the family `security`. Plain Python."""

from __future__ import annotations

import dataclasses

from .base import Spec
from .scenarios import Scenario


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class AttackSweep(Scenario):
    """The checkpoint of ``saved`` is made hostile in every way of the check ``case`` ("security/code") that its files allow, each
    an `AttackCase`; ``other`` has the same structure and other values."""

    case: str
    saved: Spec
    other: Spec | None = None


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class AttackCase(Scenario):
    """The checkpoint of ``saved`` is made hostile in one ``way`` (as the check tells it), in its ``file`` or a ``member`` of that,
    and loaded."""

    case: str
    way: str
    file: str
    saved: Spec
    member: str = ""
    other: Spec | None = None
