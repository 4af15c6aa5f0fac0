"""Specs of the family `security`: hostile files. Plain Python."""

from __future__ import annotations

import dataclasses

from .base import Spec
from .scenarios import Scenario


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class AttackSweep(Scenario):
    """All attacks of one check on the checkpoint of ``saved``, each an `AttackCase`.

    ``case`` is the name of the check, such as "security/code". ``other`` is an object of the same
    structure with other values.
    """

    case: str
    saved: Spec
    other: Spec | None = None


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class AttackCase(Scenario):
    """One attack: the checkpoint of ``saved`` is changed and loaded.

    ``way`` is the name of the attack in the check ``case``. It changes ``file``, or a ``member`` of it.
    """

    case: str
    way: str
    file: str
    saved: Spec
    member: str = ""
    other: Spec | None = None
