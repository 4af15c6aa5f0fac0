"""Files written by version 0.1.0 are read, with the current names of checks and specs."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from pytest_ckpt.checks import CHECKS, FormatProfile
from pytest_ckpt.plugin.regressions import read_regressions, write_regressions
from pytest_ckpt.reports.record import read_record, write_record
from pytest_ckpt.specs import CrashState, NamedScenario, Spec
from pytest_ckpt.util import renamed
from pytest_ckpt.verdicts import Verdict

DATA = pathlib.Path(__file__).parent / "data"
REGRESSIONS, RECORD = DATA / "regressions-0.1.0.json", DATA / "record-0.1.0.json"


def _values_of(data: Any, key: str) -> set[str]:
    """Return all values of a key in nested JSON data."""
    if isinstance(data, list):
        return set().union(*(_values_of(item, key) for item in data))
    if not isinstance(data, dict):
        return set()
    own = {data[key]} if key in data else set()
    return own.union(*(_values_of(item, key) for item in data.values()))


def test_regressions_are_read_with_new_names() -> None:
    old = json.loads(REGRESSIONS.read_text())["mylib"]
    new = read_regressions(REGRESSIONS)["mylib"]
    assert list(new) == [renamed.CHECKS.get(name, name) for name in old]
    assert new.keys() <= CHECKS.keys()
    for name, specs in old.items():
        read = [type(spec).__name__ for spec in new[renamed.CHECKS.get(name, name)]]
        assert read == [renamed.SPECS.get(spec["spec"], spec["spec"]) for spec in specs]


def test_every_renamed_check_and_spec_is_in_the_file() -> None:
    old = json.loads(REGRESSIONS.read_text())["mylib"]
    assert renamed.CHECKS.keys() <= old.keys()
    assert renamed.SPECS.keys() <= _values_of(old, "spec")


def test_rename_tables_lead_to_existing_names() -> None:
    assert set(renamed.CHECKS.values()) <= CHECKS.keys()
    assert not renamed.CHECKS.keys() & CHECKS.keys()
    assert set(renamed.SPECS.values()) <= Spec.kinds.keys()
    assert not renamed.SPECS.keys() & Spec.kinds.keys()


def test_old_scenarios_are_still_examples_of_their_checks() -> None:
    """A check must understand every ``case`` and ``how`` of its old counterexamples."""
    profile = FormatProfile("numpy", "tree", False, "state", False, True)
    for name, specs in read_regressions(REGRESSIONS)["mylib"].items():
        scenarios = [spec for spec in specs if isinstance(spec, NamedScenario)]
        examples = [each for each in CHECKS[name].examples(profile) if isinstance(each, NamedScenario)] if scenarios else []
        assert {(each.case, each.how) for each in scenarios} <= {(each.case, each.how) for each in examples}


def test_regressions_are_written_with_new_names(tmp_path: pathlib.Path) -> None:
    known = read_regressions(REGRESSIONS)
    write_regressions(tmp_path / "new.json", known)
    data = json.loads((tmp_path / "new.json").read_text())
    assert read_regressions(tmp_path / "new.json") == known
    assert not renamed.CHECKS.keys() & (data["mylib"].keys() | _values_of(data, "case"))
    assert not renamed.SPECS.keys() & _values_of(data, "spec")


def test_record_is_read_with_new_names() -> None:
    old = {cell["check"]: cell for cell in json.loads(RECORD.read_text())["formats"][0]["cells"]}
    (row,) = read_record(RECORD).rows
    results = {result.check: result for result in row.cells}
    assert list(results) == [renamed.CHECKS.get(name, name) for name in old]
    assert renamed.CHECKS.keys() <= old.keys()
    for name, cell in old.items():
        result = results[renamed.CHECKS.get(name, name)]
        fields = (result.format, result.verdict, result.passed, result.detail, result.examples)
        assert fields == ("numpy.savez", cell["verdict"], cell["passed"], cell.get("detail", ""), cell["examples"])
    assert isinstance(results["crash/kill"].counterexample, CrashState)
    expectation = results["crash/kill"].expectation
    assert expectation is not None
    assert (expectation.verdict, expectation.why) == (Verdict.UNREADABLE, old["crash/kill"]["declared"]["why"])


def test_record_is_written_with_new_names(tmp_path: pathlib.Path) -> None:
    record = read_record(RECORD)
    write_record(record, tmp_path / "new.json")
    data = json.loads((tmp_path / "new.json").read_text())
    assert read_record(tmp_path / "new.json") == record
    assert not renamed.CHECKS.keys() & _values_of(data, "check")
    assert not renamed.SPECS.keys() & _values_of(data, "spec")


def test_pytest_runs_an_old_regressions_file(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pathlib, pickle
        from pytest_ckpt import conformance

        def save(tree, path): pathlib.Path(path).write_bytes(pickle.dumps(tree))
        def load(path): return pickle.loads(pathlib.Path(path).read_bytes())

        @conformance(name="mylib", backend="numpy", save=save, load=load, select=["tensor/class", "files/size"])
        def test_mylib(check): check()
        """
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "--ckpt-examples=0", f"--ckpt-regressions={REGRESSIONS}")
    result.assert_outcomes(passed=2)
