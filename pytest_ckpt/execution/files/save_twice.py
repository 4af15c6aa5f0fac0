"""Save one object twice, with a change in between: what is saved the second time must not be what was saved the first time."""

from __future__ import annotations

from ...specs import NamedScenario
from ...verdicts import Observation
from ..context import Workspace
from ..observations import is_restored, located_at
from ..registry import procedure
from ..user_code import PROVES_NOTHING, EarlyResult


@procedure("files/save-twice")
@procedure("model/save-twice")
def save_twice(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save an object, give it other values, and save it at another path, or at the same one if the scenario says so."""
    first, path = workspace.subject(scenario.saved), workspace.path
    second = workspace.subject(first.other_spec)
    overwrites = scenario.how == "the same path"
    second_path = path if overwrites else path.with_name(f"2-{path.name}")
    obj = first.save(path)
    first.overwrite(obj)
    if second.differences(obj):
        return Observation(skipped=f"the object cannot be given other values, {PROVES_NOTHING}")
    try:
        second.save(second_path, obj)
    except EarlyResult as early:
        if overwrites and early.observation.refused:
            return Observation(skipped=f"save does not overwrite a checkpoint: {early.observation.refused}")
        raise
    workspace.keep()
    observed = second.observe(second_path, obj)
    if overwrites or not is_restored(observed):
        return located_at(observed, "the second checkpoint")
    observed = first.observe(path)
    return observed if is_restored(observed) else located_at(observed, "the first checkpoint, after the second save")
