"""Save to unusual paths: other types, special characters, patterns, relative paths, links."""

from __future__ import annotations

import pathlib
from typing import Any

from ...specs import NamedScenario
from ...specs.paths import PATTERNS
from ...util.files import remove, working_directory
from ...verdicts import Observation
from ..checkpoint_files import content_at, find_damage, owned_by
from ..context import Workspace
from ..observations import is_restored, located_at
from ..registry import procedure
from ..subject import Subject
from ..user_code import NOTHING_WRITTEN, EarlyResult


class CustomPath(type(pathlib.Path())):  # type: ignore[misc]
    """A subclass of `pathlib.Path`, as libraries for remote storage have one."""


def _observe_owned(workspace: Workspace, subject: Subject, path: pathlib.Path) -> Observation:
    """Load the checkpoint at ``path`` after everything with another name is removed from its folder, because that is not part of it."""
    others = [entry for entry in path.parent.iterdir() if entry not in owned_by(path)]
    for entry in others:
        remove(entry)
    workspace.keep()
    observed = subject.observe(path)
    if others and not is_restored(observed):
        names = ", ".join(sorted(entry.name for entry in others))
        return located_at(observed, f"without {names}, which save created under names that do not begin with the path's name")
    return observed


@procedure("files/path-space")
@procedure("files/path-unicode")
@procedure("files/path-dots")
def named(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save to a folder and a checkpoint with a special name."""
    subject = workspace.subject(scenario.saved)
    path = workspace.private_folder() / scenario.how / f"{scenario.how}{workspace.format.suffix}"
    path.parent.mkdir()
    subject.save(path)
    return _observe_owned(workspace, subject, path)


@procedure("files/path-glob")
def glob(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save to a name that is a glob pattern, next to other checkpoints that the pattern would match."""
    subject, other = workspace.subject(scenario.saved), workspace.subject(scenario.other)
    folder, suffix = workspace.private_folder(), workspace.format.suffix
    matched = PATTERNS[scenario.how]
    decoys = [folder / matched / f"{matched}{suffix}", folder / scenario.how / f"{matched}{suffix}"]
    path = folder / scenario.how / f"{scenario.how}{suffix}"
    before = []
    for decoy in decoys:
        decoy.parent.mkdir()
        other.save(decoy)
        before.append(content_at(decoy))
    subject.save(path)
    workspace.keep()
    for decoy, content in zip(decoys, before, strict=True):
        if found := find_damage(content, content_at(decoy), f"the file of another checkpoint, {decoy.name!r}:"):
            return Observation(differences=tuple(found))
    return subject.observe(path)


@procedure("files/path-relative")
def relative(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save to a path that is relative to the current directory."""
    subject = workspace.subject(scenario.saved)
    path = pathlib.Path(f"{scenario.how}{workspace.format.suffix}")
    with working_directory(workspace.private_folder()):
        path.parent.mkdir(exist_ok=True)
        subject.save(path)
        return _observe_owned(workspace, subject, path)


@procedure("files/path-object")
def path_object(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save to a path of a subclass, or through a link, and load by the plain path; and the other way round."""
    subject = workspace.subject(scenario.saved)
    plain = workspace.private_folder() / "folder"
    plain.mkdir()
    if scenario.how == "a link":
        special: Any = plain.with_name("link")
        special.symlink_to(plain.name)
    else:
        special = CustomPath(plain)
    first, second = (f"{name}{workspace.format.suffix}" for name in ("one", "two"))
    subject.save(special / first)
    subject.save(plain / second)
    workspace.keep()
    observed = subject.observe(plain / first)
    return subject.observe(special / second) if is_restored(observed) else observed


@procedure("files/path-str")
def path_str(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save and load with a path of type str: it must work, or raise. A checkpoint saved so must load by the path."""
    subject, path = workspace.subject(scenario.saved), workspace.path
    path_as_str: Any = str(path)
    subject.wait(subject.start_saving(path_as_str, subject.build()))
    if not owned_by(path):
        raise EarlyResult(Observation(unreadable=NOTHING_WRITTEN))
    workspace.keep()
    observed = subject.observe(path)
    if not is_restored(observed):
        return observed
    observed = subject.observe(path_as_str)
    # A loader that accepts no str is no worse than a `save` that accepts none.
    return Observation(refused=f"load does not accept a str as the path: {observed.unreadable}") if observed.unreadable else observed
