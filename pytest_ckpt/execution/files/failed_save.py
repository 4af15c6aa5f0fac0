"""Save an object that cannot be saved over an old checkpoint, which must survive."""

from __future__ import annotations

from typing import Any

from ...backends.base import CannotBuild
from ...specs import NamedScenario
from ...verdicts import Observation
from ..context import Workspace
from ..model_io import models_for
from ..observations import unless_damaged
from ..registry import procedure
from ..subject import Subject
from ..user_code import EarlyResult


def build_unsavable(subject: Subject) -> Any:
    """Return what the subject describes. A model gets a part that cannot be saved. Raise CannotBuild."""
    obj = subject.build()
    if subject.is_model:
        spoil = getattr(models_for(subject.backend), "make_unsavable", None)
        if spoil is None:
            raise CannotBuild(f"{subject.backend.name} has no models that cannot be saved")
        spoil(obj)
    return obj


@procedure("files/failed-save-keeps-old")
def failed_save(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save an object whose last part cannot be saved over an old checkpoint."""
    old, other = workspace.subject(scenario.saved), workspace.subject(scenario.other)
    obj = build_unsavable(other)
    old.save(workspace.path)
    try:
        other.save(workspace.path, obj)
    except EarlyResult as early:
        workspace.keep()
        return unless_damaged(early.observation, lambda: old.observe(workspace.path))
    return Observation(skipped="save accepted an object that should not be savable, so no save failed")
