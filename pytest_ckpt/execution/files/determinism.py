"""Check that the same object gives the same bytes, at another time and in another process."""

from __future__ import annotations

import dataclasses
import pathlib
import time

from ...specs import NamedScenario, Spec
from ...util.files import working_directory
from ...verdicts import Observation
from .. import questions
from ..checkpoint_files import Content, content_at
from ..context import CacheKey, Context, Workspace
from ..registry import Placement, procedure
from ..remote import Role

#: Seconds between two saves. Archives store times in steps of two seconds.
_INTERVAL = 2.1


@dataclasses.dataclass(frozen=True)
class _Saved:
    """The files that a save wrote, and when it ended."""

    content: Content
    time: float


_FIRST_SAVES: CacheKey[NamedScenario, _Saved] = CacheKey("the first save of each scenario")


@procedure("files/deterministic", Placement.ACROSS_WORKERS)
def deterministic(workspace: Workspace, scenario: NamedScenario) -> Observation:
    """Save the same object, built again each time, twice in one process at two times, and once in another process.

    The other process has another current directory. The first save is cached, so a repetition of the example does not wait.
    """
    folder = workspace.private_folder()

    def save(name: str, role: Role) -> _Saved:
        path = folder / name / f"checkpoint{workspace.format.suffix}"
        path.parent.mkdir()
        directory = str(path.parent) if role is Role.OTHER_HASHES else "."
        content = workspace.remote.ask(save_from_directory, scenario.saved, str(path), directory, role=role)
        return _Saved(content, time.monotonic())

    cache = workspace.context.cache(_FIRST_SAVES)
    if scenario not in cache:
        cache[scenario] = save("first", Role.PLAIN)
    first = cache[scenario]
    elsewhere = save("elsewhere", Role.OTHER_HASHES)
    time.sleep(max(0.0, _INTERVAL - (time.monotonic() - first.time)))
    second = save("second", Role.PLAIN)
    workspace.keep()
    excess = first_difference(first.content, second.content, "saved by one process at two times")
    return Observation(excess=excess or first_difference(first.content, elsewhere.content, "saved by two processes"))


def save_from_directory(context: Context, spec: Spec, path: str, directory: str) -> Content:
    """In a worker: save with this current directory, and return the content of all files."""
    with working_directory(pathlib.Path(directory)):
        questions.save(context, spec, path)
    return content_at(pathlib.Path(path))


def first_difference(one: Content, two: Content, how: str) -> str | None:
    """Describe the first file in which two checkpoints differ. Return None if they are the same."""
    if names := sorted(one.keys() ^ two.keys()):
        more = f", and so do {len(names) - 1} more" if len(names) > 1 else ""
        return f"{how}: {names[0]!r} exists in only one checkpoint{more}"
    for name, first in one.items():
        second = two[name]
        if first == second:
            continue
        if first is None or second is None:
            return f"{how}: {name!r} is a file in one checkpoint and a folder in the other"
        unequal = [place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b]
        longer = abs(len(first) - len(second))
        where = unequal[0] if unequal else min(len(first), len(second))
        text = f"{how}: {name!r} first differs at byte {where} of {len(first)}; {len(unequal)} bytes differ"
        return f"{text}, and one is {longer} bytes longer" if longer else text
    return None
