"""A page of Markdown that tells what formats keep, from the records of runs: an overview, each format's limits, then all checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..checks import FAMILIES, checks_for
from ..execution.crash.replay import REFUSES
from ..results import Result
from ..verdicts import Verdict
from .record import Record, Row, judged, lost

_LEGEND = """\
Cells: **kept** means that the promise held for every example; otherwise the worst verdict that any example got, in the words of the
README, with `!` where it is declared as a defect of the library and no limit of the format's design, `~` where it is declared as
what does not show every time, and `?` where it is not as declared. *skip*: could not be asked here. An empty cell: there is nothing
to ask of this format."""

_OVERVIEW = """\
The worst verdict of each family of checks, and of how many of the judged ones anything but KEPT was seen: `3/15`. What a format
refuses outside of what it accepts is left out of that, and *outside* is where this is all. `pytest-ckpt explain CHECK` says what a
check asks."""


def page(records: Sequence[Record]) -> str:
    """The page. Formats of one backend stand in one table, whatever record they are of."""
    rows = [row for record in records for row in record.rows]
    asked = sorted((row for row in rows if row.cells), key=lambda row: (row.backend, row.name))
    lines = ["# What formats keep", "", *_origin(records, rows), "", "## All formats", "", _OVERVIEW, "", *_overview(asked)]
    lines += ["", "## What each format loses, and why"]
    for row in asked:
        lines += ["", *_limits(row)]
    for backend in dict.fromkeys(row.backend for row in asked):
        lines += ["", *_checks(backend, [row for row in asked if row.backend == backend])]
    return "\n".join(lines) + "\n"


def linked(text: str) -> str:
    """Text in which owner/repo#number leads to that issue."""
    return re.sub(r"\b([\w.-]+/[\w.-]+)#(\d+)", r"[\1#\2](https://github.com/\1/issues/\2)", text)


def _origin(records: Sequence[Record], rows: Sequence[Row]) -> list[str]:
    cells = [cell for row in rows for cell in row.cells]
    kept = len(judged(cells)) - len(lost(cells))
    defects = sum(_is_defect(cell) for cell in cells)
    wrong = sum(cell.failed for cell in cells)
    lines = [
        "Made by `pytest-ckpt report`, from what `pytest-ckpt run --json` saw; nothing here is written by hand.",
        "",
        "| run | selected | formats | seconds |",
        "|---|---|---|---|",
    ]
    for record in records:
        names = ", ".join(dict.fromkeys(row.backend for row in record.rows))
        selected = " ".join(record.select) or "the core checks"
        lines.append(f"| {record.date}, {record.machine}, {names} | {selected} | {len(record.rows)} | {record.seconds:.0f} |")
    told = [
        f"{sum(bool(row.cells) for row in rows)} formats, {len(judged(cells))} judged cells: {kept} kept",
        f"{len(judged(cells)) - kept - wrong} as declared (of these {defects} by defects of libraries)",
        f"{wrong} not as declared",
        f"{len(cells) - len(judged(cells))} skipped.",
    ]
    lines += ["", "; ".join(told)]
    lines += [f"Not asked: `{row.name}` {row.missing}." for row in rows if row.missing]
    return [*lines, "", _LEGEND]


def _overview(rows: Sequence[Row]) -> list[str]:
    """Formats down, families across: the worst verdict, and how many of the judged checks are not kept."""
    families = [family for family in FAMILIES if any(_family(cell) == family for row in rows for cell in row.cells)]
    lines = [f"| | {' | '.join(families)} |", f"|---|{'---|' * len(families)}"]
    for row in rows:
        signs = [_sum([cell for cell in row.cells if _family(cell) == family]) for family in families]
        lines.append(f"| [{row.name}](#{_anchor(row.name)}) | {' | '.join(signs)} |")
    return lines


def _anchor(heading: str) -> str:
    """The fragment by which Markdown's renderers lead to a heading of one word."""
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
    """A format by itself: what it is made of, and each limit with all checks that it shows in, the worst first."""
    versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
    domain = f"It saves a {row.accepts}" if row.accepts else "It saves models"
    lines = [f"### {row.name}", "", f"{domain}; asked with {versions}.", ""]
    groups: dict[tuple[Verdict, str, str], list[str]] = {}
    for cell in judged(row.cells):
        if cell.verdict and (cell.verdict is not Verdict.KEPT or _marks([cell]) or cell.detail == REFUSES):
            groups.setdefault((cell.verdict, _kind(cell), _why(cell)), []).append(cell.check)
    for (verdict, kind, why), checks in sorted(groups.items(), key=lambda group: -group[0][0].severity):
        lines.append(f"- {verdict}{kind}: {linked(why)} ({', '.join(f'`{check}`' for check in checks)})")
    return lines if groups else [*lines, "Nothing is lost."]


def _why(cell: Result) -> str:
    if cell.expectation:
        return cell.expectation.why
    return "not declared" if cell.failed else "outside what the format accepts" if _is_outside(cell) else cell.detail


def _kind(cell: Result) -> str:
    return ", a defect" * _is_defect(cell) + ", not every time" * _is_flaky(cell)


def _checks(backend: str, rows: Sequence[Row]) -> list[str]:
    lines = [f"## Each check of {backend}"]
    names = [check.name for check in checks_for(backend) if any(cell.check == check.name for row in rows for cell in row.cells)]
    for family in FAMILIES:
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
    """The signs behind a verdict that several cells have."""
    return "!" * any(map(_is_defect, cells)) + "~" * any(map(_is_flaky, cells)) + "?" * any(cell.failed for cell in cells)


def _is_defect(cell: Result) -> bool:
    return cell.verdict is not None and cell.verdict is not Verdict.KEPT and cell.expectation is not None and cell.expectation.defect


def _is_flaky(cell: Result) -> bool:
    return cell.verdict is not None and cell.expectation is not None and cell.expectation.flaky


def _is_outside(cell: Result) -> bool:
    """Whether it was refused, and did not have to be declared, as the format does not say that it accepts it."""
    return cell.verdict is Verdict.REFUSED and cell.expectation is None and not cell.failed


def _family(cell: Result) -> str:
    return cell.check.split("/")[0]


def defects(rows: Iterable[Row]) -> list[tuple[Row, Result]]:
    """What was seen of what is declared as a defect, in the order of the rows."""
    return [(row, cell) for row in rows for cell in row.cells if _is_defect(cell)]
