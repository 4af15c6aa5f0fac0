"""The family `process`: nothing lives only in one process, and nothing leaks out of it."""

from __future__ import annotations

from collections.abc import Iterator

from ..specs import Scene, Spec
from ..specs.dtypes import EVERY
from .base import Asking, check

#: Aspects in which what comes back has to be what was saved, whatever happened meanwhile.
CONTENT = frozenset({"values", "nan-payload", "dtype", "shape", "keys"})


@check("process/fresh-process", judges=CONTENT, backends=EVERY, premise=lambda scene: [scene.saved], apart=True)
def fresh_process(asking: Asking) -> Iterator[Spec]:
    """What one process has saved, another one loads.

    Why: ...
    """
    yield Scene("process/fresh-process", asking.subject())
