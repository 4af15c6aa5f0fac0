"""Make a checkpoint hostile: from the bytes of an intact one, with canaries that do no harm. No format is known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...snapshot import Snapshot
from . import bomb, code, escape, overlap
from .base import INSIDE, TOKEN, UNWANTED, Attack, Site

#: The attacks by the name of the check.
CASES: dict[str, Callable[[Snapshot, Snapshot | None], Iterator[Attack]]] = {
    "security/code": code.attacks,
    "security/escape": escape.attacks,
    "security/bomb": bomb.attacks,
    "security/overlap": overlap.attacks,
}

__all__ = ["CASES", "INSIDE", "TOKEN", "UNWANTED", "Attack", "Site"]
