"""Save over something: another checkpoint, a foreign file, a folder, a missing folder, or next to files of others."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from ...specs import NamedScenario
from ...verdicts import Observation
from ..checkpoint_files import content_at, content_of, find_damage
from ..context import Workspace
from ..observations import is_restored, unless_damaged
from ..registry import procedure
from ..subject import Subject
from ..user_code import EarlyResult

#: The content of files that no format has written.
FOREIGN = b"this file is none of yours\n" * 40
#: How many saves precede the last one. In text order 10 sorts before 9, and some formats keep only the last few checkpoints.
_EARLIER_SAVES = 10


@procedure("files/overwrite-smaller")
@procedure("files/overwrite-other-structure")
def overwrite(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save one checkpoint over another, for the twelfth time if the scenario says so."""
    old, new = workspace.subject(scenario.other), workspace.subject(scenario.saved)
    for turn in range(_EARLIER_SAVES if scenario.how else 0):
        (old, new)[turn % 2].save(workspace.path)
    return _save_over(workspace, old, new)


def _save_over(workspace: Workspace, old: Subject, new: Subject) -> Observation:
    """Save ``new`` over ``old``. If that raises, ``old`` must still be there.

    The old checkpoint is loaded first, because a loader may cache its content.
    """
    path = workspace.path
    old.save(path)
    old.load(path)
    try:
        new.save(path)
    except EarlyResult as early:
        workspace.keep()
        return unless_damaged(early.observation, lambda: old.observe(path))
    workspace.keep()
    return new.observe(path)


def _create_file(path: pathlib.Path) -> None:
    path.write_bytes(FOREIGN)


def _create_folder(path: pathlib.Path) -> None:
    path.mkdir()
    (path / "theirs.txt").write_bytes(FOREIGN)


#: What exists at the path before the save, by the name that the scenario gives it.
_OBSTACLES: dict[str, Callable[[pathlib.Path], None]] = {
    "a foreign file": _create_file,
    "a folder with a foreign file": _create_folder,
    "an empty folder": pathlib.Path.mkdir,
}


@procedure("files/overwrite-other-kind")
def overwrite_other_kind(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save over a tree of another kind, or over something that is no checkpoint, which must not change if save raises."""
    if scenario.other is not None:
        return overwrite(workspace, scenario)
    subject, path = workspace.subject(scenario.saved), workspace.path
    _OBSTACLES[scenario.how](path)
    before = content_at(path)
    try:
        subject.save(path)
    except EarlyResult as early:
        refused = early.observation.refused
        found = find_damage(before, content_at(path), f"after save raised {refused}: the existing")
        return Observation(differences=tuple(found)) if refused and found else early.observation
    workspace.keep()
    return subject.observe(path)


@procedure("files/missing-parent")
def missing_parent(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save to a path whose folder and parent folder do not exist."""
    subject = workspace.subject(scenario.saved)
    path = workspace.folder / "missing" / "folders" / workspace.path.name
    subject.save(path)
    workspace.keep()
    return subject.observe(path)


def _neighbours(path: pathlib.Path) -> list[pathlib.Path]:
    """Return names that a format may take for its own or for temporary ones. None begins with the name of ``path``."""
    stem, name = path.name.split(".")[0], path.name
    names = [
        path.stem, stem, name[:-1], f"{path.stem}.tmp", f"{path.stem}.bak", f"{path.stem}.index", f"{path.stem}.json", f"{stem}.npy",
        f"{stem}.tmp", f".{name}.tmp", f".{name}", f"tmp-{name}", f"tmp_{name}", f"old-{name}", "checkpoint", "latest", "model.tmp", "tmp",
        "temp", ".tmp", "metadata", "config.json", "model.safetensors.index.json",
    ]  # fmt: skip
    return [path.with_name(each) for each in dict.fromkeys(names) if not each.startswith(name)]


@procedure("files/neighbours")
def neighbours(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save two checkpoints among files of others, and a third with the name of the first in another folder.

    The names of the first two differ after the last dot, or before the suffix.
    """
    first, second = workspace.subject(scenario.other), workspace.subject(scenario.saved)
    folder, suffix = workspace.private_folder(), workspace.format.suffix
    first_path, second_path = folder / f"model-v1.2{suffix}", folder / f"model-v1.3{suffix}"
    others = [each for each in _neighbours(first_path) if not each.name.startswith(second_path.name)]
    for each in others:
        each.write_bytes(FOREIGN)
    (folder / "best").mkdir()
    (folder / "best" / first_path.name).write_bytes(FOREIGN)
    others.append(folder / "best")
    before = content_of(others, folder)
    first.save(first_path)
    saved = content_at(first_path)
    second.save(second_path)
    (folder / "later").mkdir()
    third_path = folder / "later" / first_path.name
    second.save(third_path)
    workspace.keep()
    found = find_damage(before, content_of((each for each in others if each.exists()), folder), "the neighbour")
    found += find_damage(saved, content_at(first_path), "the first checkpoint's file")
    if found:
        return Observation(differences=tuple(found))
    for subject, path in ((second, second_path), (first, first_path), (second, third_path)):
        if not is_restored(observed := subject.observe(path)):
            break
    return observed
