"""Runs of the command line in a project of their own, and what their records say."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

from pytest_ckpt.reports.record import Record, read_record
from pytest_ckpt.results import Result


def run_recorded(folder: pathlib.Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], Record]:
    """A run in ``folder``, with ``temporary`` beside it for its temporary files, of which nothing is left but the record."""
    environment = {**os.environ, "TMPDIR": str(folder.parent / "temporary")}
    command = [sys.executable, "-m", "pytest_ckpt", "run", *arguments, "--json=record.json"]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert list((folder.parent / "temporary").iterdir()) == [], run.stdout + run.stderr
    return run, read_record(folder / "record.json")


def table_of(record: Record) -> dict[str, dict[str, tuple[object, ...]]]:
    """What was seen of each check, without the words of errors, which may name addresses and sets in any order; of what is declared
    not to show every time, whether it passed."""

    def seen(cell: Result) -> tuple[object, ...]:
        if cell.expectation is not None and cell.expectation.flaky:
            return (cell.passed,)
        return (cell.verdict, cell.passed, cell.counterexample, cell.skipped)

    return {row.name: {cell.check: seen(cell) for cell in row.cells} for row in record.rows}
