"""Compare the recorded runs in `docs/runs` with the declarations of the built-in formats.

pytest does not collect this file by default. The environments `record-NAME` of tox run it after `pytest-ckpt run` has written the
record, so that they fail if the record and a declaration disagree.
"""

from __future__ import annotations

import pathlib

import pytest

from pytest_ckpt.expectations import in_force
from pytest_ckpt.formats import BUILTIN, get_format, missing
from pytest_ckpt.reports.record import Row, read_record

from .conftest import BACKENDS
from .declarations import disagreements

RUNS = pathlib.Path(__file__).parent.parent / "docs" / "runs"
FORMATS = [name for name, shipped in BUILTIN.items() if shipped.backend in BACKENDS and missing(name) is None]


def _row(name: str) -> Row:
    record = read_record(RUNS / f"{BUILTIN[name].backend}.json")
    return next(row for row in record.rows if row.name == name)


@pytest.mark.parametrize("name", FORMATS)
def test_record_agrees_with_declaration(name: str) -> None:
    assert disagreements(_row(name).cells) == []


@pytest.mark.parametrize("name", FORMATS)
def test_each_declaration_applies_to_a_recorded_check(name: str) -> None:
    declared = get_format(name).expected_failures
    used = {result.key for result in _row(name).cells}
    assert [key for key in declared if in_force(declared, key) is not None and key not in used] == []
