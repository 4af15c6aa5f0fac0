"""Load in another process than the one that saved, and from another folder."""

from __future__ import annotations

import shutil

from ...specs import NamedScenario
from ...verdicts import Observation
from .. import questions
from ..context import Workspace
from ..registry import Placement, procedure
from ..remote import Role


@procedure("process/fresh-process", Placement.ACROSS_WORKERS)
def fresh_process(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save in one worker, and load in another."""
    workspace.remote.ask(questions.save, scenario.saved, str(workspace.path))
    workspace.keep()
    return workspace.remote.observe(questions.load, scenario.saved, str(workspace.path), role=Role.SECOND)


@procedure("process/moved", Placement.ACROSS_WORKERS)
def moved(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Move a finished checkpoint to another folder, and load it in another process with another current directory."""
    before, after = workspace.folder / "before", workspace.folder / "after"
    before.mkdir()
    workspace.remote.ask(questions.save, scenario.saved, str(before / workspace.path.name))
    shutil.move(before, after)
    workspace.keep()
    path, directory = str(after / workspace.path.name), str(workspace.folder)
    return workspace.remote.observe(questions.load_from_directory, scenario.saved, path, directory, role=Role.SECOND)
