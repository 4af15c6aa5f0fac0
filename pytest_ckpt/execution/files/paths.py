"""Scenes of the family `files` about the path itself: its type, its characters, and where it is relative to."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from ...specs import NamedScenario
from ...specs.paths import PATTERNS
from ...verdicts import Observation
from ..observations import checkpoint_at, harm, is_whole, own_folder, told
from ..registry import Workspace, plays
from ..subject import Subject
from ..user_code import NOTHING_WRITTEN, Failed, attempt, owned_by


class OwnPath(type(pathlib.Path())):  # type: ignore[misc]
    """A path of a class of one's own, as libraries for remote storage have one."""


@contextlib.contextmanager
def current_directory(folder: pathlib.Path) -> Iterator[None]:
    """Makes ``folder`` the current directory of the process, and puts the one before back."""
    before, name = os.open(".", os.O_RDONLY), os.getcwd()
    try:
        os.chdir(folder)
        yield
    finally:
        try:
            os.fchdir(before)  # also where the folder has another name by now
            os.close(before)
        except OSError:  # the format has closed what is not its own
            os.chdir(name)


def _come_back(stage: Workspace, subject: Subject, path: pathlib.Path) -> Observation:
    """What was seen of the checkpoint at ``path`` when all that stands in its folder under other names is taken away: that is no
    part of it."""
    strange = [entry for entry in path.parent.iterdir() if entry not in owned_by(path)]
    for entry in strange:
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    stage.leave()
    seen = subject.seen(path)
    if strange and not is_whole(seen):
        return told(seen, f"without {', '.join(sorted(entry.name for entry in strange))}, which do not begin with the path's name")
    return seen


@plays("files/path-space")
@plays("files/path-unicode")
@plays("files/path-dots")
def named(stage: Workspace, scene: NamedScenario) -> Observation:
    """The folder and the checkpoint have a name of one's choice."""
    subject = stage.subject(scene.saved)
    path = own_folder(stage) / scene.how / f"{scene.how}{stage.trials.format.suffix}"
    path.parent.mkdir()
    subject.save(path)
    return _come_back(stage, subject, path)


@plays("files/path-glob")
def glob(stage: Workspace, scene: NamedScenario) -> Observation:
    """The same with a pattern for a name, and beside it another checkpoint, which the pattern would find."""
    subject, other = stage.subject(scene.saved), stage.subject(scene.other)
    around, suffix = own_folder(stage), stage.trials.format.suffix
    decoys = [around / PATTERNS[scene.how] / f"{PATTERNS[scene.how]}{suffix}", around / scene.how / f"{PATTERNS[scene.how]}{suffix}"]
    path = around / scene.how / f"{scene.how}{suffix}"
    before = []
    for decoy in decoys:
        decoy.parent.mkdir()
        other.save(decoy)
        before.append(checkpoint_at(decoy))
    subject.save(path)
    for decoy, content in zip(decoys, before, strict=True):
        if found := harm(content, checkpoint_at(decoy), f"of a checkpoint that is called {decoy.name!r}, the file"):
            return Observation(differences=tuple(found))
    stage.leave()
    return subject.seen(path)


@plays("files/path-relative")
def relative(stage: Workspace, scene: NamedScenario) -> Observation:
    """The path begins at the current directory."""
    subject = stage.subject(scene.saved)
    path = pathlib.Path(f"{scene.how}{stage.trials.format.suffix}")
    with current_directory(own_folder(stage)):
        path.parent.mkdir(exist_ok=True)
        subject.save(path)
        return _come_back(stage, subject, path)


@plays("files/path-object")
def path_object(stage: Workspace, scene: NamedScenario) -> Observation:
    """The path is of a class of its own, or leads through a link; what was saved there is loaded by the plain path, and the other way."""
    subject = stage.subject(scene.saved)
    plain = own_folder(stage) / "folder"
    plain.mkdir()
    if scene.how == "a link":
        around: Any = plain.with_name("link")
        around.symlink_to(plain.name)
    else:
        around = OwnPath(plain)
    one, two = (f"{name}{stage.trials.format.suffix}" for name in ("one", "two"))
    subject.save(around / one)
    subject.save(plain / two)
    stage.leave()
    seen = subject.seen(plain / one)
    return subject.seen(around / two) if is_whole(seen) else seen


@plays("files/path-str")
def path_str(stage: Workspace, scene: NamedScenario) -> Observation:
    """A path given as text: saving and loading work, or raise. What was saved so has to load by the path."""
    subject = stage.subject(scene.saved)
    _save_by_text(subject, stage.path)
    stage.leave()
    seen = subject.seen(stage.path)
    if not is_whole(seen):
        return seen
    by_text: Any = str(stage.path)
    seen = subject.seen(by_text)
    # That text is no path to a loader is no worse than that it is none to `save`.
    return Observation(refused=f"load takes no text for a path: {seen.unreadable}") if seen.unreadable else seen


def _save_by_text(subject: Subject, path: pathlib.Path) -> None:
    by_text: Any = str(path)
    result = subject.start_saving(by_text, subject.build())
    if subject.format.wait is not None:
        attempt("save", subject.format.wait, result)
    if not owned_by(path):
        raise Failed(Observation(unreadable=NOTHING_WRITTEN))
