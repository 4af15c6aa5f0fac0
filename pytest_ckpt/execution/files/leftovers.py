"""The scene `files/no-leftovers`: what is left on disk, beside the checkpoint, when a save is over."""

from __future__ import annotations

import pathlib
import re
import shutil
import threading
import time
from typing import Any

from ...backends.base import CannotBuild
from ...specs import NamedScenario
from ...verdicts import Observation
from ..observations import is_whole, own_folder
from ..process_state import own_places
from ..registry import Workspace, plays
from ..subject import Subject
from ..user_code import Failed, emptied, owned_by
from .failed_save import unsavable

#: What the name of a file says that is there for a while.
_TEMPORARY = re.compile(r"(^|[^a-z])(tmp|temp|temporary|partial|part|incomplete|unfinished|writing)([^a-z]|$)|~$", re.IGNORECASE)


class _Places:
    """Folders of the scene's own: one for the checkpoint, an empty current directory, and an empty one for temporary files."""

    def __init__(self, stage: Workspace) -> None:
        around = own_folder(stage)
        self.path = around / "place" / stage.path.name
        self.current, self.temporary, self.copy = around / "current", around / "temporary", around / "copy"
        for each in (self.path.parent, self.current, self.temporary):
            each.mkdir()
        self.left: list[str] = []

    def look(self, when: str) -> None:
        """Notes what stands where nothing may, and takes it away, so that it is told once."""
        beside = [each for each in self.path.parent.iterdir() if each not in owned_by(self.path)]
        places = {
            "beside the checkpoint": beside,
            "in the current directory": [*self.current.iterdir()],
            "among temporary files": [*self.temporary.iterdir()],
        }
        for where, entries in places.items():
            self.note(when, where, entries)
            for entry in entries:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def note(self, when: str, where: str, entries: Any) -> None:
        if names := sorted(str(each.relative_to(each.parent)) for each in entries):
            shown = ", ".join(name.replace(self.path.name, "<path>") for name in names[:3])
            self.left.append(f"{when}, {where}: {shown}{f' and {len(names) - 3} more' if len(names) > 3 else ''}")

    def own(self) -> set[pathlib.Path]:
        return set(owned_by(self.path))

    def named_temporary(self) -> list[pathlib.Path]:
        """What the format owns of which the name says that it is temporary; of the path itself that is not asked."""
        found = []
        for entry in owned_by(self.path):
            if _TEMPORARY.search(entry.name.removeprefix(self.path.name)):
                found.append(entry)
            elif entry.is_dir():
                found.extend(each for each in sorted(entry.rglob("*")) if _TEMPORARY.search(each.name))
        return found

    def not_needed(self, subject: Subject) -> list[pathlib.Path]:
        """Those of them without which a copy of the checkpoint loads."""
        return [each for each in self.named_temporary() if self._loads_without(subject, each)]

    def _loads_without(self, subject: Subject, entry: pathlib.Path) -> bool:
        shutil.copytree(self.path.parent, self.copy, symlinks=True)
        try:
            dropped = self.copy / entry.relative_to(self.path.parent)
            shutil.rmtree(dropped) if dropped.is_dir() else dropped.unlink(missing_ok=True)
            return is_whole(subject.seen(self.copy / self.path.name))
        finally:
            shutil.rmtree(self.copy)


@plays("files/no-leftovers")
def no_litter(stage: Workspace, scene: NamedScenario) -> Observation:
    """Saves, loads, saves the very same again, and fails to save, in a process whose current directory and folder of temporary files
    are empty. Of names that the format owns, more of them after a second save are litter, and so are temporary ones.

    Only names beside each other are counted: a format that keeps a history keeps it inside of a folder, and what grows there is for
    `process/leaks` to tell.
    """
    subject, other = stage.subject(scene.saved), stage.subject(scene.other)
    subject.save(stage.path)  # what is made at first use, by an import, is nobody's litter
    subject.load(stage.path)
    emptied(stage.folder)
    places = _Places(stage)
    with own_places(places.current, places.temporary):
        subject.save(places.path)
        places.look("after a save")
        places.note("after a save", "a temporary file that loading does not need", places.not_needed(subject))
        seen = subject.seen(places.path)
        places.look("after loading")
        overwrites = _saved_again(subject, places)
        _failed(other, places, overwrites)
    stage.leave()
    return Observation(differences=seen.differences, unreadable=seen.unreadable, excess="\n".join(places.left) or None)


def _saved_again(subject: Subject, places: _Places) -> bool:
    """Whether a format writes over a checkpoint; then nothing more may stand there afterwards."""
    before = places.own()
    try:
        subject.save(places.path)
    except Failed:
        places.look("after a save that was refused")
        return False
    places.look("after the same was saved again")
    if len(now := places.own()) > len(before):
        places.note("after the same was saved again", "more names that begin with the path", now - before)
    return True


def _failed(other: Subject, places: _Places, overwrites: bool) -> None:
    """Fails over a checkpoint, or where that is refused, at a new path."""
    try:
        thing = unsavable(other)
    except CannotBuild:
        return
    if not overwrites:
        emptied(places.path.parent)
    before, running = places.own(), set(threading.enumerate())
    try:
        other.save(places.path, thing)
    except Failed as failed:
        if failed.seen.refused is None:
            return
        _wait_for_threads(running)
        places.look("after a save that failed")
        left = places.own() - before if overwrites else places.named_temporary()
        places.note("after a save that failed", "what it had begun", left)


def _wait_for_threads(known: set[threading.Thread], seconds: float = 1.0) -> None:
    """Lets threads come to their end that a failed save has left behind, which may still be making files."""
    until = time.monotonic() + seconds
    while not known.issuperset(threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.005)
