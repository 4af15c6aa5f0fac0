"""A Markdown page about formats, from the records of runs.

It has an overview, the limitations and bugs of each format, and a table of all checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..checks import CHECKS, checks_for
from ..results import Result
from ..verdicts import Verdict
from .record import Record, Row, judged, lost

_LEGEND = """\
Each cell of a table contains the worst verdict of all examples, as defined in the README; **kept** is the verdict KEPT. A mark after
the verdict has a meaning: `!` is a bug in the library (other failures are limitations of the format), `~` is a failure that does not
occur in every run, and `?` is a verdict that is not expected. *skip*: the check could not run here. An empty cell: the check does not
apply to this format."""

_OVERVIEW = """\
For each format and each family of checks, the table shows the worst verdict, and how many checks are not KEPT: `3/15` means 3 of 15.
These numbers do not include objects outside the domain of a format that `save` refused; *outside* means that this was so for all
checks. `pytest-ckpt explain CHECK` describes a check."""


def page(records: Sequence[Record]) -> str:
    """Return the page. Formats of one backend are in one table, even if they are from several records."""
    rows = [row for record in records for row in record.rows]
    present = sorted((row for row in rows if row.cells), key=lambda row: (row.backend, row.name))
    lines = ["# Formats", "", *_origin(records, rows), "", "## All formats", "", _OVERVIEW, "", *_overview(present)]
    lines += ["", "## Limitations and bugs of each format"]
    for row in present:
        lines += ["", *_limits(row)]
    for backend in dict.fromkeys(row.backend for row in present):
        lines += ["", *_checks(backend, [row for row in present if row.backend == backend])]
    return "\n".join(lines) + "\n"


def linked(text: str) -> str:
    """Return Markdown in which owner/repo#number is a link to that issue."""
    return re.sub(r"\b([\w.-]+/[\w.-]+)#(\d+)", r"[\1#\2](https://github.com/\1/issues/\2)", text)


def _origin(records: Sequence[Record], rows: Sequence[Row]) -> list[str]:
    cells = [cell for row in rows for cell in row.cells]
    kept = len(judged(cells)) - len(lost(cells))
    defects = sum(_is_defect(cell) for cell in cells)
    wrong = sum(cell.failed for cell in cells)
    lines = [
        "`pytest-ckpt report` made this page from the records of these runs. Do not edit it.",
        "",
        "| run | selected checks | formats | seconds |",
        "|---|---|---|---|",
    ]
    for record in records:
        names = ", ".join(dict.fromkeys(row.backend for row in record.rows))
        selected = " ".join(record.select) or "the core checks"
        lines.append(f"| {record.date}, {record.machine}, {names} | {selected} | {len(record.rows)} | {record.seconds:.0f} |")
    counts = [
        f"{sum(bool(row.cells) for row in rows)} formats, {len(judged(cells))} cells with a verdict: {kept} kept",
        f"{len(judged(cells)) - kept - wrong} other verdicts as expected ({defects} of them by bugs in libraries)",
        f"{wrong} not as expected",
        f"{len(cells) - len(judged(cells))} skipped.",
    ]
    lines += ["", "; ".join(counts)]
    lines += [f"Not run: `{row.name}` {row.missing}." for row in rows if row.missing]
    return [*lines, "", _LEGEND]


def _overview(rows: Sequence[Row]) -> list[str]:
    """Return the table of formats and families: the worst verdict, and how many checks are not KEPT."""
    families = [family for family in CHECKS.families if any(_family(cell) == family for row in rows for cell in row.cells)]
    lines = [f"| | {' | '.join(families)} |", f"|---|{'---|' * len(families)}"]
    for row in rows:
        signs = [_sum([cell for cell in row.cells if _family(cell) == family]) for family in families]
        lines.append(f"| [{row.name}](#{_anchor(row.name)}) | {' | '.join(signs)} |")
    return lines


def _anchor(heading: str) -> str:
    """Return the link target that Markdown renderers give to a heading of one word."""
    return re.sub(r"[^\w-]", "", heading.lower())


def _sum(cells: Sequence[Result]) -> str:
    if not cells:
        return ""
    inside = [cell for cell in judged(cells) if not _is_outside(cell)]
    if not inside:
        return "*skip*" if not judged(cells) else "*outside*"
    bad = lost(inside)
    if not bad:
        return f"kept{_marks(inside)}"
    worst = max(cell.verdict for cell in bad if cell.verdict)
    return f"{worst}{_marks([cell for cell in bad if cell.verdict is worst])} {len(bad)}/{len(inside)}"


def _limits(row: Row) -> list[str]:
    """Return the section of a format: its versions, and each limitation or bug with all its checks, the worst first."""
    versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
    domain = f'Domain: `accepts="{row.accepts}"`' if row.accepts else "Saves no trees"
    lines = [f"### {row.name}", "", f"{domain}. Versions: {versions}.", ""]
    groups: dict[tuple[Verdict, str, str], list[str]] = {}
    for cell in judged(row.cells):
        if cell.verdict and (cell.verdict is not Verdict.KEPT or _marks([cell]) or cell.limitation):
            groups.setdefault((cell.verdict, _kind(cell), _why(cell)), []).append(cell.check)
    for (verdict, kind, why), checks in sorted(groups.items(), key=lambda group: -group[0][0].severity):
        lines.append(f"- {verdict}{kind}: {linked(why)} ({', '.join(f'`{check}`' for check in checks)})")
    return lines if groups else [*lines, "No limitations."]


def _why(cell: Result) -> str:
    if cell.expectation:
        return cell.expectation.why
    if cell.failed:
        return "not expected"
    return "outside the domain of the format" if _is_outside(cell) else cell.limitation


def _kind(cell: Result) -> str:
    return ", a bug" * _is_defect(cell) + ", not in every run" * _is_flaky(cell)


def _checks(backend: str, rows: Sequence[Row]) -> list[str]:
    lines = [f"## All checks of {backend}"]
    names = [check.name for check in checks_for(backend) if any(cell.check == check.name for row in rows for cell in row.cells)]
    for family in CHECKS.families:
        own = [name for name in names if name.split("/")[0] == family]
        if own:
            lines += ["", f"### {backend}: {family}", "", f"| | {' | '.join(row.name for row in rows)} |", f"|---|{'---|' * len(rows)}"]
            lines += [f"| {name} | {' | '.join(_sign(row, name) for row in rows)} |" for name in own]
    return lines


def _sign(row: Row, check: str) -> str:
    cell = next((cell for cell in row.cells if cell.check == check), None)
    if cell is None:
        return ""
    if cell.verdict is None:
        return "*skip*"
    return f"{'kept' if cell.verdict is Verdict.KEPT else cell.verdict}{_marks([cell])}"


def _marks(cells: Sequence[Result]) -> str:
    """Return the marks after a verdict that several cells have."""
    return "!" * any(map(_is_defect, cells)) + "~" * any(map(_is_flaky, cells)) + "?" * any(cell.failed for cell in cells)


def _is_defect(cell: Result) -> bool:
    return cell.verdict is not None and cell.verdict is not Verdict.KEPT and cell.expectation is not None and cell.expectation.defect


def _is_flaky(cell: Result) -> bool:
    return cell.verdict is not None and cell.expectation is not None and cell.expectation.flaky


def _is_outside(cell: Result) -> bool:
    """Return whether save refused an object outside the domain of the format, which needs no declaration."""
    return cell.verdict is Verdict.REFUSED and cell.expectation is None and not cell.failed


def _family(cell: Result) -> str:
    return cell.check.split("/")[0]


def defects(rows: Iterable[Row]) -> list[tuple[Row, Result]]:
    """Return the cells that show a bug in a library, in the order of the rows."""
    return [(row, cell) for row in rows for cell in row.cells if _is_defect(cell)]
