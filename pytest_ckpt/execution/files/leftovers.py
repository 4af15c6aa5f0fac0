"""Find the files that remain after a save, other than the checkpoint."""

from __future__ import annotations

import pathlib
import re
import shutil
import threading
import time
from collections.abc import Iterable

from ...backends.base import CannotBuild
from ...specs import NamedScenario
from ...util.files import remove
from ...verdicts import Observation
from ..checkpoint_files import empty_folder, owned_by
from ..context import Workspace
from ..observations import is_restored
from ..process_state import temporary_places
from ..registry import procedure
from ..subject import Subject
from ..user_code import EarlyResult
from .failed_save import build_unsavable

#: Parts of the names of temporary files.
_TEMPORARY = re.compile(r"(^|[^a-z])(tmp|temp|temporary|partial|part|incomplete|unfinished|writing)([^a-z]|$)|~$", re.IGNORECASE)
#: How many names a message shows.
_SHOWN = 3


class _Places:
    """A folder for the checkpoint, an empty current directory, and an empty folder for temporary files."""

    def __init__(self, workspace: Workspace) -> None:
        folder = workspace.private_folder()
        self.path = folder / "place" / workspace.path.name
        self.current, self.temporary, self.copy = folder / "current", folder / "temporary", folder / "copy"
        for each in (self.path.parent, self.current, self.temporary):
            each.mkdir()
        self.found: list[str] = []

    def collect(self, when: str) -> None:
        """Note all files in places where none may be, and remove them, so that each is reported once."""
        places = {
            "next to the checkpoint": [each for each in self.path.parent.iterdir() if each not in owned_by(self.path)],
            "in the current directory": [*self.current.iterdir()],
            "in the folder for temporary files": [*self.temporary.iterdir()],
        }
        for where, entries in places.items():
            self.note(when, where, entries)
            for entry in entries:
                remove(entry)

    def note(self, when: str, where: str, entries: Iterable[pathlib.Path]) -> None:
        if names := sorted(each.name for each in entries):
            shown = ", ".join(name.replace(self.path.name, "<path>") for name in names[:_SHOWN])
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            self.found.append(f"{when}, {where}: {shown}{more}")

    def owned(self) -> set[pathlib.Path]:
        return set(owned_by(self.path))

    def named_temporary(self) -> list[pathlib.Path]:
        """Return what the format owns under a name for temporary files. The name of the path itself does not count."""
        found = []
        for entry in owned_by(self.path):
            if _TEMPORARY.search(entry.name.removeprefix(self.path.name)):
                found.append(entry)
            elif entry.is_dir():
                found.extend(each for each in sorted(entry.rglob("*")) if _TEMPORARY.search(each.name))
        return found

    def not_needed(self, subject: Subject) -> list[pathlib.Path]:
        """Return the files with names for temporary files without which the checkpoint still loads."""
        return [each for each in self.named_temporary() if self._loads_without(subject, each)]

    def _loads_without(self, subject: Subject, entry: pathlib.Path) -> bool:
        shutil.copytree(self.path.parent, self.copy, symlinks=True)
        try:
            remove(self.copy / entry.relative_to(self.path.parent))
            return is_restored(subject.observe(self.copy / self.path.name))
        finally:
            shutil.rmtree(self.copy)


@procedure("files/no-leftovers")
def no_leftovers(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save, load, save the same again, and fail to save, where the current directory and the temporary folder are empty.

    More names that begin with the path after a second save are leftovers, and so are temporary files. Only names next to each
    other are counted: a format that keeps a history keeps it inside a folder, and `process/leaks` tests whether that grows.
    """
    subject, other = workspace.subject(scenario.saved), workspace.subject(scenario.other)
    # What the first use creates, for example while importing, does not count.
    subject.save(workspace.path)
    subject.load(workspace.path)
    empty_folder(workspace.folder)
    places = _Places(workspace)
    with temporary_places(places.current, places.temporary):
        subject.save(places.path)
        places.collect("after a save")
        places.note("after a save", "a temporary file that loading does not need", places.not_needed(subject))
        observed = subject.observe(places.path)
        places.collect("after loading")
        overwrites = _save_again(subject, places)
        _fail_to_save(other, places, overwrites)
    workspace.keep()
    return Observation(differences=observed.differences, unreadable=observed.unreadable, excess="\n".join(places.found) or None)


def _save_again(subject: Subject, places: _Places) -> bool:
    """Save the same again, and return whether the format overwrites a checkpoint. If so, no more names may exist afterwards."""
    before = places.owned()
    try:
        subject.save(places.path)
    except EarlyResult:
        places.collect("after a save that was refused")
        return False
    places.collect("after saving the same again")
    if len(now := places.owned()) > len(before):
        places.note("after saving the same again", "more names that begin with the path", now - before)
    return True


def _fail_to_save(other: Subject, places: _Places, overwrites: bool) -> None:
    """Fail to save over a checkpoint, or at a new path if the format does not overwrite."""
    try:
        obj = build_unsavable(other)
    except CannotBuild:
        return
    if not overwrites:
        empty_folder(places.path.parent)
    before, running = places.owned(), set(threading.enumerate())
    try:
        other.save(places.path, obj)
    except EarlyResult as early:
        if early.observation.refused is None:
            return
        _wait_for_threads(running)
        places.collect("after a save that failed")
        left = places.owned() - before if overwrites else places.named_temporary()
        places.note("after a save that failed", "a part of the new checkpoint", left)


def _wait_for_threads(known: set[threading.Thread], seconds: float = 1.0) -> None:
    """Wait for threads that a failed save left behind, which may still create files."""
    end = time.monotonic() + seconds
    while not known.issuperset(threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.005)
