"""Select checks by name: families, names and globs, such as ``layout``, ``bits/int8``, ``-dtype/complex*``."""

from __future__ import annotations

from collections.abc import Iterable

from ..expectations import is_pattern, matches
from ..util.entry_points import load_failures
from ..util.renamed import CHECKS as RENAMED
from ..util.suggestions import nearest
from .base import CORE, Check
from .registry import CHECKS, ENTRY_POINTS, checks_for

#: The name that selects every check.
ALL = "all"


def parse_selection(select: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the entries of a selection, each with its leading "-" if it has one.

    ``select`` is a text or several texts; each may hold several entries separated by commas.
    Raises ValueError for an entry that names no check, and for an empty one.
    """
    texts = [select] if isinstance(select, str) else list(select or ())
    entries = [entry.strip() for text in texts for entry in text.split(",")]
    for entry in entries:
        if not entry.removeprefix("-"):
            raise ValueError(f"empty name in {', '.join(map(repr, texts))}: separate names by one comma, as in dtype,layout,-bits")
        check_pattern(entry.removeprefix("-"))
    return tuple(entries)


def check_pattern(name: str) -> None:
    """Raise ValueError, with the most similar name, if ``name`` is not a check, a family or a glob that matches a check."""
    if name == ALL or any(matches(check, name) for check in CHECKS):
        return
    if name in RENAMED:
        raise ValueError(f"the check {name!r} has been renamed: use {RENAMED[name]!r}")
    what = "pattern" if is_pattern(name) else "check or family"
    similar = nearest(name, [*CHECKS.families, *CHECKS])
    # Without a similar name, the list of all names would fill a screen.
    families = f"the families are: {', '.join(CHECKS.families)}; pytest-ckpt list checks shows all checks"
    hint = similar if similar.startswith("did") else families
    failures = "".join(f"; {failure}" for failure in load_failures() if failure.group == ENTRY_POINTS)
    raise ValueError(f"unknown {what} {name!r}: {hint}{failures}")


def select_checks(backend: str, select: str | Iterable[str] | None = None) -> tuple[Check, ...]:
    """Return the checks of a run, in their fixed order.

    ``select`` holds families, names and globs, or "all"; see `parse_selection`. An entry with a
    leading "-" excludes. If there are only such entries, or none, the selection starts from the
    core checks that run in this process. Raises ValueError for an unknown name.
    """
    entries = parse_selection(select)
    included = [entry for entry in entries if not entry.startswith("-")]
    excluded = [entry.removeprefix("-") for entry in entries if entry.startswith("-")]

    def is_selected(check: Check) -> bool:
        if any(name == ALL or matches(check.name, name) for name in excluded):
            return False
        if included:
            return any(name == ALL or matches(check.name, name) for name in included)
        return check.level == CORE and not check.needs_worker

    return tuple(check for check in checks_for(backend) if is_selected(check))
