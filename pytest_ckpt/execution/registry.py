"""The table of scenes: for each case of the families `files` and `process`, the function that plays it, and where it is played."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..specs import NamedScenario, Spec
from ..verdicts import Observation
from ..workers import MEMORY_LIMIT
from .remote import Remote
from .subject import Subject

if TYPE_CHECKING:
    from .dispatch import Context


@dataclasses.dataclass(frozen=True)
class Workspace:
    """Where a scene is played: a fresh ``path`` in a folder that holds nothing else, and the workers, where it takes other processes."""

    trials: Context
    path: pathlib.Path

    @property
    def folder(self) -> pathlib.Path:
        return self.path.parent

    @property
    def away(self) -> Remote:
        return self.trials.away

    def leave(self) -> None:
        """Copies what stands in the folder to where somebody wants to look at it; called when it is just as a loader will find it."""
        if (place := self.trials.leave_in) is not None:
            shutil.copytree(self.folder, place, symlinks=True, dirs_exist_ok=True)

    def subject(self, spec: Spec | None) -> Subject:
        assert spec is not None
        return self.trials.subject(spec)


Play = Callable[[Workspace, Any], Observation]


@dataclasses.dataclass(frozen=True)
class Direction:
    """``play`` plays a scene: in this process, in a worker of a ``role``, or, where it is ``across`` processes, by asking workers. In
    a worker it may take ``memory`` bytes more than the process has, and ``patience`` times as long as one save and load may."""

    play: Play
    role: str | None = None
    across: bool = False
    memory: int = MEMORY_LIMIT
    patience: int = 1


#: By the name of the check.
DIRECTIONS: dict[str, Direction] = {}


def plays(case: str, **how: Any) -> Callable[[Play], Play]:
    """Puts a function into the table; ``how`` are the fields of `Direction`."""

    def add(play: Play) -> Play:
        DIRECTIONS[case] = Direction(play, **how)
        return play

    return add


def direction_of(scene: NamedScenario) -> Direction:
    """How a scene is played. Raises ValueError for a case that nobody knows."""
    from .files import determinism, failed_save, leftovers, overwrite, paths, side_effects  # noqa: F401
    from .process import lifetime, races, threads  # noqa: F401

    if scene.case not in DIRECTIONS:
        raise ValueError(f"nobody knows how to play {scene.case!r}; known are {', '.join(DIRECTIONS)}")
    return DIRECTIONS[scene.case]
