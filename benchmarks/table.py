"""One measurement as a row, how rows travel from the process that measures them, and the table they make.

Knows nothing of what is measured.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table, every cell as text. ``met`` is None where a row has no target or could not be measured."""

    what: str
    ours: str
    peer: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    def send(self) -> None:
        """Prints the row for `run.py` to read."""
        print(json.dumps(dataclasses.asdict(self)), flush=True)


def received(output: str) -> list[Row]:
    """The rows that a process has printed."""
    return [Row(**json.loads(line)) for line in output.splitlines() if line.startswith("{")]


def table(rows: Iterable[Row]) -> str:
    """The rows as a table in Markdown, columns aligned."""
    lines = [["what", "ours", "peer", "ratio", "target", "met"]]
    for row in rows:
        lines.append([row.what, row.ours, row.peer, row.ratio, row.target, "" if row.met is None else "yes" if row.met else "no"])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines)
