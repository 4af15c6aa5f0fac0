"""Select checks: families, names, globs and levels, such as ``layout``, ``bits/int8``, ``-dtype/complex*``, ``extended``."""

from __future__ import annotations

from collections.abc import Iterable

from ..expectations import is_pattern, matches
from ..util.entry_points import load_failures
from ..util.renamed import CHECKS as RENAMED
from ..util.suggestions import nearest
from .base import ALL, LEVELS, Check
from .registry import CHECKS, ENTRY_POINTS, checks_for


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
    """Raise ValueError, with the most similar name, if ``name`` selects no check: see `is_named`."""
    if any(is_named(check, name) for check in CHECKS.values()):
        return
    if name in RENAMED:
        raise ValueError(f"the check {name!r} has been renamed: use {RENAMED[name]!r}")
    what = "pattern" if is_pattern(name) else "check or family"
    similar = nearest(name, [*CHECKS.families, *LEVELS, *CHECKS])
    # Without a similar name, the list of all names would fill a screen.
    families = (
        f"the families are: {', '.join(CHECKS.families)}; the levels are: {', '.join(LEVELS)}; pytest-ckpt list checks shows all checks"
    )
    hint = similar if similar.startswith("did") else families
    failures = "".join(f"; {failure}" for failure in load_failures() if failure.group == ENTRY_POINTS)
    raise ValueError(f"unknown {what} {name!r}: {hint}{failures}")


def is_named(check: Check, name: str) -> bool:
    """Return whether ``name`` selects a check: as its name, its family, a glob, its level, or "all"."""
    return name in (ALL, check.level) or matches(check.name, name)


def select_checks(backend: str, select: str | Iterable[str] | None = None) -> tuple[Check, ...]:
    """Return the checks of a run, in their fixed order.

    ``select`` holds families, names, globs, levels, or "all"; see `parse_selection`. An entry with
    a leading "-" excludes. If there are only such entries, or none, the selection starts from the
    checks that run by default. Raises ValueError for an unknown name.
    """
    entries = parse_selection(select)
    included = [entry for entry in entries if not entry.startswith("-")]
    excluded = [entry.removeprefix("-") for entry in entries if entry.startswith("-")]

    def is_selected(check: Check) -> bool:
        if any(is_named(check, name) for name in excluded):
            return False
        return any(is_named(check, name) for name in included) if included else check.runs_by_default

    return tuple(check for check in checks_for(backend) if is_selected(check))
