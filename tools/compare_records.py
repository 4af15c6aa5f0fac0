"""Compare two records of `pytest-ckpt run --json FILE`, cell by cell.

    python tools/compare_records.py OLD.json NEW.json [--allow-flaky] [--ignore-text]

A cell is one check of one format. Two cells are equal if they have the same verdict, pass or fail
alike, have the same counterexample, and are both skipped or both not skipped. Reasons, details and
times are not compared. Records of earlier versions can be read: checks and specs that were renamed
since are compared under their new names.

Prints each cell that differs, then a summary. Exits with 0 if all cells are equal, 1 if some differ,
and 2 if a file is not a full record.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
from typing import Any

from pytest_ckpt.specs import from_json
from pytest_ckpt.util.renamed import CHECKS

#: Fields of specs that describe a case in prose, so that their wording may change.
PROSE = ("how", "way")


@dataclasses.dataclass(frozen=True)
class Cell:
    """The compared part of a cell, and whether its expected failure is declared as flaky."""

    verdict: str | None
    passed: bool
    counterexample: str | None
    skipped: bool
    flaky: bool = dataclasses.field(default=False, compare=False)

    def __str__(self) -> str:
        outcome = "skipped" if self.skipped else f"{self.verdict}, {'passed' if self.passed else 'failed'}"
        return f"{outcome}, counterexample {self.counterexample}" if self.counterexample else outcome


def read_cells(path: pathlib.Path, ignore_text: bool = False) -> dict[tuple[str, str], Cell]:
    """Return the cells of a record by format and check.

    Raises ValueError if the file is not a record, or is a compact one as in docs/runs.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        cells = {
            (row["name"], CHECKS.get(cell["check"], cell["check"])): read_cell(cell, ignore_text)
            for row in data["formats"]
            for cell in row["cells"]
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is not a full record of 'pytest-ckpt run --json': {type(error).__name__}: {error}") from error
    return cells


def read_cell(cell: dict[str, Any], ignore_text: bool = False) -> Cell:
    """Return one cell, with the present names of specs."""
    expectation = cell.get("expectation") or cell.get("declared") or {}
    spec = from_json(without_prose(cell.get("counterexample")) if ignore_text else cell.get("counterexample"))
    skipped = cell.get("skipped") is not None
    return Cell(cell.get("verdict"), cell["passed"], None if spec is None else repr(spec), skipped, bool(expectation.get("flaky")))


def without_prose(data: Any) -> Any:
    """Return the JSON of a spec with its prose emptied."""
    if isinstance(data, list):
        return [without_prose(each) for each in data]
    if isinstance(data, dict):
        return {name: "" if name in PROSE and isinstance(value, str) else without_prose(value) for name, value in data.items()}
    return data


def differences(old: dict[tuple[str, str], Cell], new: dict[tuple[str, str], Cell], allow_flaky: bool = False) -> list[str]:
    """Return one text for each cell that differs, in the order of formats and checks."""
    lines = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        flaky = (before is not None and before.flaky) or (after is not None and after.flaky)
        if before != after and not (allow_flaky and flaky):
            format, check = key
            lines.append(f"{format} [{check}]\n  old: {before or 'not in the record'}\n  new: {after or 'not in the record'}")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Compare the two records that are named on the command line."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("--allow-flaky", action="store_true", help="ignore cells whose expected failure is declared as flaky")
    parser.add_argument("--ignore-text", action="store_true", help=f"ignore the fields {' and '.join(PROSE)} of specs, which hold prose")
    options = parser.parse_args(arguments)
    try:
        old, new = (read_cells(path, options.ignore_text) for path in (options.old, options.new))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    found = differences(old, new, options.allow_flaky)
    for line in found:
        print(line)
    print(f"{len({*old, *new})} cells compared, {len(found)} differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
