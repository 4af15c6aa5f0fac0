"""Scenes of the family `process`: what is saved in one process, and loaded in another."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from ..specs import Scene, Spec
from ..verdicts import Observation
from .scenes import Stage, plays

if TYPE_CHECKING:
    from . import Trials


def saved(trials: Trials, spec: Spec, path: str) -> None:
    """Asked in a worker: saves. Raises Failed and CannotBuild."""
    with trials.scope():
        trials.subject(spec).save(pathlib.Path(path))


def seen(trials: Trials, spec: Spec, path: str) -> Observation:
    """Asked in a worker: loads, and compares."""
    with trials.scope():
        return trials.subject(spec).seen(pathlib.Path(path))


@plays("process/fresh-process", across=True)
def fresh_process(stage: Stage, scene: Scene) -> Observation:
    """One worker saves, another loads."""
    stage.away.ask(saved, scene.saved, str(stage.path), role="plain")
    return stage.away.observe(seen, scene.saved, str(stage.path), role="second")
