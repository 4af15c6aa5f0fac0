"""A page of Markdown that tells what formats keep, from the records of runs: an overview, then each format's checks and limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..checks import FAMILIES, checks_for
from ..items import Cell
from ..verdicts import Verdict
from .record import Record, Row, judged, lost

_LEGEND = """\
Cells: **kept** means that the promise held for every example; otherwise the worst verdict that any example got, in the words of the
README, with `!` where it is declared as a defect of the library and no limit of the format's design, and `?` where it is not as
declared. *skip*: could not be asked here. An empty cell: there is nothing to ask of this format."""


def page(records: Sequence[Record]) -> str:
    """The page. Formats of one backend stand in one table, whatever record they are of."""
    rows = [row for record in records for row in record.rows]
    lines = ["# What formats keep", "", *_origin(records, rows), "", "## All formats", "", *_overview(rows)]
    for backend in dict.fromkeys(row.backend for row in rows if row.cells):
        lines += ["", *_backend(backend, [row for row in rows if row.backend == backend and row.cells])]
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
        lines.append(f"| {row.name} | {' | '.join(signs)} |")
    return lines


def _sum(cells: Sequence[Cell]) -> str:
    if not cells:
        return ""
    if not judged(cells):
        return "*skip*"
    if not lost(cells):
        return "kept"
    return f"{max(cell.verdict for cell in lost(cells) if cell.verdict)} {len(lost(cells))}/{len(judged(cells))}"


def _backend(backend: str, rows: Sequence[Row]) -> list[str]:
    lines = [f"## {backend}", ""]
    for row in rows:
        versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
        domain = f"accepts a {row.accepts}" if row.accepts else "models"
        lines.append(f"- `{row.name}`: {domain}; {versions}")
    names = [check.name for check in checks_for(backend) if any(cell.check == check.name for row in rows for cell in row.cells)]
    for family in FAMILIES:
        own = [name for name in names if name.split("/")[0] == family]
        if own:
            lines += ["", f"### {backend}: {family}", "", f"| | {' | '.join(row.name for row in rows)} |", f"|---|{'---|' * len(rows)}"]
            lines += [f"| {name} | {' | '.join(_sign(row, name) for row in rows)} |" for name in own]
    lines += ["", f"### {backend}: why"]
    for row in rows:
        lines += ["", *_reasons(row)]
    return lines


def _sign(row: Row, check: str) -> str:
    cell = next((cell for cell in row.cells if cell.check == check), None)
    if cell is None:
        return ""
    if cell.verdict is None:
        return "*skip*"
    if cell.verdict is Verdict.KEPT:
        return "kept?" if cell.failed else "kept"
    return f"{cell.verdict}{'!' * _is_defect(cell)}{'?' * cell.failed}"


def _reasons(row: Row) -> list[str]:
    """The limits of a format, each with all checks that it shows in."""
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for cell in lost(row.cells):
        why = cell.declared.why if cell.declared else "not declared" if cell.failed else "outside what the format accepts"
        groups.setdefault((str(cell.verdict), why, _is_defect(cell)), []).append(cell.check)
    if not groups:
        return [f"**{row.name}**: nothing is lost."]
    lines = [f"**{row.name}**", ""]
    for (verdict, why, defect), checks in groups.items():
        told = f"{verdict}, a defect" if defect else verdict
        lines.append(f"- {told}: {linked(why)} ({', '.join(f'`{check}`' for check in checks)})")
    return lines


def _is_defect(cell: Cell) -> bool:
    return cell.verdict is not None and cell.verdict is not Verdict.KEPT and cell.declared is not None and cell.declared.defect


def _family(cell: Cell) -> str:
    return cell.check.split("/")[0]


def defects(rows: Iterable[Row]) -> list[tuple[Row, Cell]]:
    """What was seen of what is declared as a defect, in the order of the rows."""
    return [(row, cell) for row in rows for cell in row.cells if _is_defect(cell)]
