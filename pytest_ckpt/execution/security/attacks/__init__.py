"""How a checkpoint is made hostile: from the bytes of an intact one, whatever wrote them, with canaries that harm nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...snapshot import Snapshot
from . import bomb, code, escape, overlap
from .base import INSIDE, TOKEN, UNWANTED, Attack, Site

#: By the name of the check: the attacks.
CASES: dict[str, Callable[[Snapshot, Snapshot | None], Iterator[Attack]]] = {
    "security/code": code.attacks,
    "security/escape": escape.attacks,
    "security/bomb": bomb.attacks,
    "security/overlap": overlap.attacks,
}

__all__ = ["CASES", "INSIDE", "TOKEN", "UNWANTED", "Attack", "Site"]
