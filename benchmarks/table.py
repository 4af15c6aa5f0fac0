"""A measurement as a row of a table. A process prints rows as JSON, and `run.py` reads them.

This module knows no measurement.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table, with every cell as text. A row without a target has no ``met``."""

    what: str
    ours: str
    peer: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    def send(self) -> None:
        """Print the row for `run.py`."""
        print(json.dumps(dataclasses.asdict(self)), flush=True)


def received(output: str) -> list[Row]:
    """Return the rows that a process has printed."""
    return [Row(**json.loads(line)) for line in output.splitlines() if line.startswith("{")]


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table with aligned columns."""
    lines = [["what", "ours", "peer", "ratio", "target", "met"]]
    for row in rows:
        lines.append([row.what, row.ours, row.peer, row.ratio, row.target, "" if row.met is None else "yes" if row.met else "no"])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines)
