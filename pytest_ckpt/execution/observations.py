"""What stands on disk, before and after a save that may have raised: what scenes of the family `files` share. Facts only."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from ..verdicts import Difference, Observation, Verdict
from .registry import Workspace
from .subject import Subject
from .user_code import Failed, owned_by, plain_name

#: What stands at each name below a folder: the bytes of a file; None for a folder.
Content = dict[str, bytes | None]


def own_folder(stage: Workspace) -> pathlib.Path:
    """A new folder, whose name was never used before, for checkpoints whose names the scene chooses."""
    folder = stage.folder / stage.path.name.split("-", 1)[0]
    folder.mkdir()
    return folder


def content_of(entries: Iterable[pathlib.Path], folder: pathlib.Path) -> Content:
    """What stands there, by names relative to ``folder``. A link is what it leads to."""
    found: Content = {}
    for entry in entries:
        for each in [entry, *(sorted(entry.rglob("*")) if entry.is_dir() else ())]:
            found[str(each.relative_to(folder))] = each.read_bytes() if each.is_file() else None
    return found


def checkpoint_at(path: pathlib.Path) -> Content:
    """Everything that a format owns which was given ``path``."""
    return content_of(owned_by(path), path.parent)


def harm(before: Content, now: Content, what: str) -> list[Difference]:
    """What of that which stood there before is gone or has other bytes. ``what`` says in words what it is."""
    found = []
    for name, content in before.items():
        came = now.get(name)
        if name in now and came == content:
            continue
        told = "gone" if name not in now else "a folder" if came is None else f"{len(came)} other bytes"
        wanted = "a folder" if content is None else f"the {len(content)} bytes that it had"
        found.append(Difference(f"{what} {plain_name(name)!r}", "values", wanted, told, lost=True))
    return found


def told(seen: Observation, where: str) -> Observation:
    """The same, and ``where`` says of what and when it was seen."""
    texts: dict[str, Any] = {
        name: f"{where}: {text}" for name in ("crashed", "unreadable", "refused") if (text := getattr(seen, name)) is not None
    }
    differences = tuple(dataclasses.replace(each, path=f"{where}: {each.path or 'the root'}") for each in seen.differences)
    return dataclasses.replace(seen, differences=differences, **texts)


def is_whole(seen: Observation) -> bool:
    """Whether every value came back. What a format always converts is no harm."""
    said = (seen.unsafe, seen.refused, seen.crashed, seen.unreadable)
    return all(each is None for each in said) and all(each.verdict <= Verdict.CONVERTED for each in seen.differences)


def unless_harmed(raised: Observation, load: Callable[[], Observation]) -> Observation:
    """What was seen of a save that raised: that, if the old checkpoint is whole; otherwise what loading it now gives."""
    if raised.refused is None:
        return raised
    now = load()
    return raised if is_whole(now) else told(now, f"the old checkpoint, after save has raised {raised.refused}")


def saved_over(stage: Workspace, old: Subject, new: Subject, path: pathlib.Path) -> Observation:
    """What was seen where ``new`` is saved over ``old``: either the one or, where that raised, the other has to be there. The old one
    is loaded before, since a loader may remember what it has read."""
    old.save(path)
    old.load(path)
    try:
        new.save(path)
    except Failed as failed:
        return unless_harmed(failed.seen, lambda: old.seen(path))
    stage.leave()
    return new.seen(path)
