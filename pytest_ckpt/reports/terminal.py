"""The table that ends a run of the command line: formats down, families across."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..checks import CHECKS
from ..results import Result
from ..verdicts import Verdict

_LEGEND = "ok: all KEPT   xfail: all as expected, not all KEPT   skip: all skipped   -: no check   VERDICT: worst unexpected verdict"


def summary(results: Iterable[Result], targets: Mapping[str, Sequence[str]], missing: Mapping[str, str]) -> list[str]:
    """Return the lines of the summary: the table, its legend, the totals, and the command that shows more.

    ``targets`` are the formats in the order of the rows, each with the arguments that name it on a
    command line. ``missing`` are the formats that could not run, each with the reason.
    """
    found = list(results)
    not_run = [f"not run: {name}: {reason}" for name, reason in missing.items()]
    if not found:
        return ["no check ran", *not_run]
    formats = [name for name in targets if any(result.format == name for result in found)]
    families = [family for family in CHECKS.families if any(result.family == family for result in found)]
    rows = [["", *families]]
    for format in formats:
        own = [result for result in found if result.format == format]
        rows.append([format, *(_cell([result for result in own if result.family == family]) for family in families)])
    counts = Counter(_outcome(result) for result in found)
    totals = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("kept", "xfailed", "skipped", "failed") if counts[outcome])
    lines = ["", *_aligned(rows), "", *not_run, _LEGEND]
    lines.append(f"{len(found)} checks of {len(formats)} format(s): {totals}; {sum(result.seconds for result in found):.1f} s in checks")
    failed = min((result for result in found if result.failed), key=lambda result: formats.index(result.format), default=None)
    if failed is not None:
        lines.append(f"to run one check: {shlex.join(['pytest-ckpt', 'run', *targets[failed.format]])} --select {failed.check}")
    else:
        survey = shlex.join(["pytest-ckpt", "survey", *targets[formats[0]]])
        lines.append(f"to see each check, add -v; to see what a format loses without its expected_failures: {survey}")
    return lines


def _outcome(result: Result) -> str:
    if result.verdict is None:
        return "skipped"
    if result.failed:
        return "failed"
    return "kept" if result.verdict is Verdict.KEPT else "xfailed"


def _cell(results: Sequence[Result]) -> str:
    """Return the text of one cell: the worst unexpected verdict, or how the checks ended as a whole."""
    failed = [result.verdict for result in results if result.failed and result.verdict is not None]
    if failed:
        return str(max(failed))
    outcomes = {_outcome(result) for result in results}
    if not outcomes:
        return "-"
    if "xfailed" in outcomes:
        return "xfail"
    return "ok" if "kept" in outcomes else "skip"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
