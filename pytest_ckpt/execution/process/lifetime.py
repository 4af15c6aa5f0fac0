"""In one worker: change, remove or save something else, and check that checkpoints and loaded objects are independent of it."""

from __future__ import annotations

from ...specs import NamedScenario
from ...util.files import remove
from ...verdicts import Observation
from ..checkpoint_files import empty_folder, owned_by
from ..context import Workspace
from ..registry import Placement, procedure
from ..user_code import EarlyResult


@procedure("process/resave", Placement.IN_WORKER)
def resave(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save the loaded object, and load it again. The first checkpoint is removed in between."""
    subject, path = workspace.subject(scenario.saved), workspace.path
    subject.save(path)
    loaded = subject.load(path)
    second = path.with_name(f"2-{path.name}")
    subject.save(second, loaded)
    for entry in owned_by(path):
        remove(entry)
    workspace.keep()
    return subject.observe(second)


@procedure("process/load-twice", Placement.IN_WORKER)
def load_twice(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Load twice: a change of the first object must not show in the second, nor in the file."""
    subject, path = workspace.subject(scenario.saved), workspace.path
    subject.save(path)
    first, second = subject.load(path), subject.load(path)
    found = subject.differences(first) or subject.differences(second)
    if not found:
        subject.overwrite(first)
        workspace.keep()
        found = subject.differences(second)
    return Observation(differences=tuple(found)) if found else subject.observe(path)


@procedure("process/delete-after-load", Placement.IN_WORKER)
def delete_after_load(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Remove the file after loading: the loaded object must not need it."""
    subject = workspace.subject(scenario.saved)
    subject.save(workspace.path)
    loaded = subject.load(workspace.path)
    workspace.keep()
    empty_folder(workspace.folder)
    return Observation(differences=tuple(subject.differences(loaded)))


@procedure("process/change-after-save", Placement.IN_WORKER)
def change_after_save(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Change the object after `save` returned, while it may still write: the change must not be in the file."""
    subject = workspace.subject(scenario.saved)
    obj = subject.build()
    result = subject.start_saving(workspace.path, obj)
    subject.overwrite(obj)
    subject.wait(result)
    workspace.keep()
    return subject.observe(workspace.path)


@procedure("process/change-after-load", Placement.IN_WORKER)
def change_after_load(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save something else at the same path: an object that was loaded before must not change."""
    subject, other = workspace.subject(scenario.saved), workspace.subject(scenario.other)
    subject.save(workspace.path)
    loaded = subject.load(workspace.path)
    try:
        other.save(workspace.path)
    except EarlyResult:
        return Observation(skipped="save does not overwrite the checkpoint, so the file of the loaded object cannot change")
    workspace.keep()
    return Observation(differences=tuple(subject.differences(loaded)))
