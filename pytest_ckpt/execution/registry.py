"""The procedures: the function that runs an example of each check of `files` and `process`, and the place where it runs.

A family registers its procedures here. `dispatch` imports all families and looks procedures up.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

from ..verdicts import Observation
from ..workers import MEMORY_LIMIT
from .context import Workspace

Function = Callable[[Workspace, Any], Observation]


class Placement(enum.Enum):
    """Where a procedure runs."""

    IN_PROCESS = "in this process, or in a worker where the format is isolated"
    IN_WORKER = "in a worker"
    ACROSS_WORKERS = "in this process, and it calls workers"


@dataclasses.dataclass(frozen=True)
class Procedure:
    """How an example is run.

    In a worker, ``memory`` is the number of bytes that it may take above what the process holds at the start, and it may take
    ``time_factor`` times as long as one save and load may.
    """

    function: Function
    placement: Placement = Placement.IN_PROCESS
    memory: int = MEMORY_LIMIT
    time_factor: int = 1


#: By the name of the check.
PROCEDURES: dict[str, Procedure] = {}


def procedure(case: str, placement: Placement = Placement.IN_PROCESS, **limits: Any) -> Callable[[Function], Function]:
    """Register a function as the procedure of the check ``case``. ``limits`` are other fields of `Procedure`."""

    def register(function: Function) -> Function:
        PROCEDURES[case] = Procedure(function, placement, **limits)
        return function

    return register
