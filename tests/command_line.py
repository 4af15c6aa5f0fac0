"""Run `pytest-ckpt run` in a folder, and read the record that it writes."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

from pytest_ckpt.reports.record import Record, read_record
from pytest_ckpt.results import Result


def run_and_read(folder: pathlib.Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], Record]:
    """Return the finished process and its record.

    Temporary files go to the folder `temporary` next to `folder`. Raise AssertionError if the run leaves any of them there.
    """
    temporary = folder.parent / "temporary"
    command = [sys.executable, "-m", "pytest_ckpt", "run", *arguments, "--json=record.json"]
    run = subprocess.run(command, cwd=folder, env={**os.environ, "TMPDIR": str(temporary)}, capture_output=True, text=True, check=False)
    assert list(temporary.iterdir()) == [], run.stdout + run.stderr
    return run, read_record(folder / "record.json")


def results_table(record: Record) -> dict[str, dict[str, tuple[object, ...]]]:
    """Return what must be the same in every run: for each format and check the verdict, counterexample and skip.

    Details are left out, because they may contain addresses, and sets in any order. Of a flaky failure only `passed` is compared.
    """

    def stable(result: Result) -> tuple[object, ...]:
        if result.expectation is not None and result.expectation.flaky:
            return (result.passed,)
        return (result.verdict, result.passed, result.counterexample, result.skipped)

    return {row.name: {result.check: stable(result) for result in row.cells} for row in record.rows}
