"""`tools/compare_records.py` finds each cell that differs, and reads records of earlier versions."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import sys
from typing import Any

import pytest

SCRIPT = pathlib.Path(__file__).parent.parent / "tools" / "compare_records.py"
_spec = importlib.util.spec_from_file_location("compare_records", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
compare_records = importlib.util.module_from_spec(_spec)
sys.modules["compare_records"] = compare_records
_spec.loader.exec_module(compare_records)

TENSOR = {"spec": "TensorSpec", "dtype": "float32", "shape": [2]}
KEPT = {"check": "dtype/float32", "verdict": "KEPT", "passed": True, "seconds": 0.1, "examples": 3}
LOST = {"check": "bits/float32", "verdict": "CHANGED", "passed": True, "seconds": 0.1, "counterexample": TENSOR, "detail": "lost"}
SKIPPED = {"check": "layout/neg", "passed": False, "seconds": 0.0, "skipped": "too old"}


@pytest.fixture
def compare(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """A function that compares two lists of cells, and returns the exit code and the output."""

    def run(old: list[dict[str, Any]], new: list[dict[str, Any]], *options: str) -> tuple[int, str]:
        paths = []
        for name, cells in (("old", old), ("new", new)):
            row = {"name": "mine", "backend": "numpy", "accepts": "tree", "versions": {}, "missing": "", "cells": cells}
            paths.append(tmp_path / f"{name}.json")
            paths[-1].write_text(json.dumps({"date": "", "machine": "", "select": [], "seconds": 1.0, "formats": [row]}))
        code = compare_records.main([*map(str, paths), *options])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def test_times_and_texts_are_not_compared(compare: Any) -> None:
    later = [{**cell, "seconds": 9.0, "detail": "other", "examples": 4} for cell in (KEPT, LOST)]
    assert compare([KEPT, LOST, SKIPPED], [*later, {**SKIPPED, "skipped": "other"}]) == (0, "3 cells compared, 0 differ\n")


@pytest.mark.parametrize(
    ("old", "change"),
    [
        (KEPT, {"verdict": "CHANGED"}),
        (LOST, {"passed": False}),
        (LOST, {"counterexample": {**TENSOR, "shape": [3]}}),
        (KEPT, {"verdict": None, "skipped": "too old"}),
    ],
    ids=["verdict", "passed", "counterexample", "skipped"],
)
def test_reports_cell_that_differs(compare: Any, old: dict[str, Any], change: dict[str, Any]) -> None:
    code, output = compare([old, SKIPPED], [{**old, **change}, SKIPPED])
    assert code == 1
    assert f"mine [{old['check']}]\n  old: " in output
    assert output.endswith("2 cells compared, 1 differ\n")


def test_reports_cell_that_only_one_record_has(compare: Any) -> None:
    code, output = compare([KEPT], [KEPT, LOST])
    assert code == 1
    assert "mine [bits/float32]\n  old: not in the record\n  new: CHANGED, passed, counterexample TensorSpec(" in output


def test_allow_flaky_ignores_flaky_cells(compare: Any) -> None:
    flaky = {**LOST, "declared": {"verdict": "CHANGED", "why": "a race", "when": None, "defect": False, "flaky": True}}
    kept = {**KEPT, "check": LOST["check"]}
    assert compare([flaky], [kept])[0] == 1
    assert compare([flaky], [kept], "--allow-flaky") == (0, "1 cells compared, 0 differ\n")


def test_renamed_checks_and_specs_are_equal(compare: Any) -> None:
    old = {**LOST, "check": "files/no-litter", "counterexample": {"spec": "Scene", "case": "files/no-litter", "saved": TENSOR}}
    scenario = {"spec": "NamedScenario", "case": "files/no-leftovers", "saved": TENSOR}
    new = {**LOST, "check": "files/no-leftovers", "counterexample": scenario}
    assert compare([old], [new]) == (0, "1 cells compared, 0 differ\n")


def test_ignore_text_ignores_prose_in_specs(compare: Any) -> None:
    specs = [{"spec": "AttackCase", "case": "security/code", "way": way, "file": "x", "saved": TENSOR} for way in ("a call", "calls")]
    old, new = ([{**LOST, "counterexample": spec}] for spec in specs)
    assert compare(old, new)[0] == 1
    assert compare(old, new, "--ignore-text")[0] == 0


def test_rejects_file_that_is_not_a_record(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"date": ""}')
    assert compare_records.main([str(path), str(path)]) == 2
    assert "other.json is not a full record of 'pytest-ckpt run --json': KeyError: 'formats'" in capsys.readouterr().err
