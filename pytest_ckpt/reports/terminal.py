"""The matrix that ends a run: formats down, families across, in each cell the worst verdict that was not declared."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..checks import FAMILIES
from ..results import Result
from ..verdicts import Verdict


def summary(cells: Iterable[Result], targets: Mapping[str, Sequence[str]], missing: Mapping[str, str]) -> list[str]:
    """The lines: the matrix, what its signs mean, totals, and how to see more.

    ``targets`` are the formats in the order in which they were named, each with the words that name it on a command line;
    ``missing`` says of formats that could not be asked what they need.
    """
    found = list(cells)
    absent = [f"not asked: {name} {why}" for name, why in missing.items()]
    if not found:
        return ["no check was asked", *absent]
    formats = [name for name in targets if any(cell.format == name for cell in found)]
    families = [family for family in FAMILIES if any(_family(cell) == family for cell in found)]
    rows = [["", *families]]
    for format in formats:
        own = [cell for cell in found if cell.format == format]
        rows.append([format, *(_sign([cell for cell in own if _family(cell) == family]) for family in families)])
    counts = Counter(_state(cell) for cell in found)
    totals = ", ".join(f"{counts[state]} {state}" for state in ("kept", "as declared", "skipped", "not as declared") if counts[state])
    lines = ["", *_aligned(rows), "", *absent]
    lines.append(
        "ok: all kept   declared: as declared, not all kept   skip: could not be asked   -: nothing to ask   VERDICT: not as declared"
    )
    lines.append(f"{len(found)} checks of {len(formats)} format(s): {totals}; {sum(cell.seconds for cell in found):.1f} s in checks")
    failed = min((cell for cell in found if cell.failed), key=lambda cell: formats.index(cell.format), default=None)
    if failed is not None:
        lines.append(f"see one alone: {shlex.join(['pytest-ckpt', 'run', *targets[failed.format]])} --select {failed.check}")
    else:
        survey = shlex.join(["pytest-ckpt", "survey", *targets[formats[0]]])
        lines.append(f"see each check: add -v; what a format keeps, without its declarations: {survey}")
    return lines


def _family(cell: Result) -> str:
    return cell.check.split("/")[0]


def _state(cell: Result) -> str:
    if cell.verdict is None:
        return "skipped"
    if cell.failed:
        return "not as declared"
    return "kept" if cell.verdict is Verdict.KEPT else "as declared"


def _sign(cells: Sequence[Result]) -> str:
    """The worst that is not as declared, else how the cell is as a whole."""
    failed = [cell.verdict for cell in cells if cell.failed and cell.verdict is not None]
    if failed:
        return str(max(failed))
    states = {_state(cell) for cell in cells}
    if not states:
        return "-"
    if "as declared" in states:
        return "declared"
    return "ok" if "kept" in states else "skip"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
