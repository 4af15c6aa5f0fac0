"""Compare a record of all checks with the declarations of the built-in formats, more strictly than the run itself.

pytest does not collect this file by default. The environments `record-NAME` of tox run it on the record that they have made; its
path is in the variable `CKPT_RECORD`.
"""

from __future__ import annotations

import os
import pathlib

import pytest

from pytest_ckpt.expectations import Expectations
from pytest_ckpt.formats import get_format
from pytest_ckpt.reports.record import Row, read_record

from .declarations import disagreements

ROWS = read_record(pathlib.Path(os.environ["CKPT_RECORD"])).rows
each_format = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@each_format
def test_record_has_every_check(row: Row) -> None:
    assert row.missing == ""
    assert row.cells


@each_format
def test_record_agrees_with_declaration(row: Row) -> None:
    assert disagreements(row.cells) == []


@each_format
def test_each_declaration_applies_to_a_recorded_check(row: Row) -> None:
    declared = Expectations(get_format(row.name).expected_failures).in_force
    used = {result.key for result in row.cells}
    assert [key for key in declared if key not in used] == []
