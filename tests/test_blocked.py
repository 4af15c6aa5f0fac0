"""A verdict does not depend on the selection: what blocks a check is reported in the same run, and a run that judges nothing fails."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, Verdict, changed, check_format
from pytest_ckpt.results import NOTHING_JUDGED, Result

from .pickle_format import load_pickle, pickle_format, save_pickle


def load_doubles(path: pathlib.Path) -> Any:
    return {key: value.astype("f8") for key, value in load_pickle(path).items()}


def zeros_format(**fields: Any) -> Format:
    """Return a format that loses everything but the fact that something was saved."""
    return pickle_format(save=lambda tree, path: save_pickle({}, path), load=lambda path: {"only": np.zeros(1)}, accepts="dict", **fields)


def by_check(format: Format, *select: str) -> dict[str, Result]:
    return {result.check: result for result in check_format(format, select=select, examples=0)}


def test_blocked_check_brings_the_failure_that_blocks_it() -> None:
    results = by_check(pickle_format(load=load_doubles, accepts="dict"), "bits/float32")
    assert list(results) == ["bits/float32", "dtype/float32"]
    assert (results["bits/float32"].verdict, results["bits/float32"].blocked_by) == (None, ("dtype/float32",))
    assert (results["dtype/float32"].verdict, results["dtype/float32"].failed) == (Verdict.CHANGED, True)


def test_nothing_is_added_where_nothing_is_blocked() -> None:
    assert [result.passed for result in check_format(pickle_format(), select=["bits/float32"], examples=0)] == [True]


def test_declared_blocker_is_judged_and_not_added() -> None:
    declared = {"dtype/*": changed("this loader returns doubles, whatever was saved")}
    results = by_check(pickle_format(load=load_doubles, accepts="dict", expected_failures=declared), "bits/float32")
    assert list(results) == ["bits/float32"]


def save_native_order(tree: Any, path: pathlib.Path) -> None:
    if not all(value.flags.c_contiguous and value.dtype.isnative and value.dtype.kind in "if" for value in tree.values()):
        raise TypeError("only contiguous numbers in native byte order")
    save_pickle(tree, path)


@pytest.mark.parametrize(("check", "reporter"), [
    ("bits/bool", "dtype/bool"),
    ("nan-payload/complex64", "dtype/complex64"),
    ("tensor/byte-order", "layout/byte-swapped"),
    ("tensor/strides", "layout/transposed"),
])  # fmt: skip
def test_refusal_is_reported_by_one_check(check: str, reporter: str) -> None:
    results = by_check(pickle_format(save=save_native_order, accepts="dict"), check)
    assert (results[check].verdict, results[check].blocked_by) == (None, (reporter,))
    assert results[reporter].verdict is Verdict.REFUSED
    assert results[reporter].failed


def test_refusal_of_special_values_is_reported_as_such() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        if any(np.isnan(value).any() for value in tree.values() if value.dtype.kind == "f"):
            raise ValueError("NaN")
        save_pickle(tree, path)

    results = by_check(pickle_format(save=save, accepts="dict"), "bits/float32", "dtype/float32")
    assert results["dtype/float32"].verdict is Verdict.KEPT
    assert results["bits/float32"].verdict is Verdict.REFUSED


@pytest.mark.parametrize("check", ["files/size", "process/fresh-process", "crash/kill", "corruption/truncate", "security/code"])
def test_scenario_fails_if_everything_is_lost(check: str) -> None:
    results = by_check(zeros_format(), check)
    assert results.pop(check).skipped is not None
    assert {result.verdict for result in results.values() if result.failed} == {Verdict.CHANGED}


def test_scenario_runs_on_a_format_that_keeps_everything() -> None:
    assert [result.verdict for result in check_format(pickle_format(), select=["files/size"], examples=0)] == [Verdict.KEPT]


def test_check_reports_a_premise_that_no_other_check_reports() -> None:
    """Only large arrays are lost, and no check of `dtype`, `bits` or `shape` saves one."""

    def save(tree: Any, path: pathlib.Path) -> None:
        save_pickle({key: value * 0 if value.size > 10_000 else value for key, value in tree.items()}, path)

    result = by_check(pickle_format(save=save, accepts="dict"), "files/size")["files/size"]
    assert result.verdict is Verdict.CHANGED
    assert "a simpler example is not restored" in result.detail


def test_run_that_judges_nothing_fails() -> None:
    results = by_check(pickle_format(), "mismatch/missing")
    assert results["mismatch/missing"].skipped is not None
    assert results[NOTHING_JUDGED].failed
    assert "FAILED: mismatch/missing could not be judged, so this run proves nothing" in str(results[NOTHING_JUDGED])


def test_skip_is_harmless_where_another_check_was_judged() -> None:
    results = check_format(pickle_format(), select=["mismatch/missing", "dtype/float32"], examples=0)
    assert [(result.check, result.failed) for result in results] == [("dtype/float32", False), ("mismatch/missing", False)]


PROJECT = """
import pickle
import pytest
from pytest_ckpt import Format, conformance

def save(tree, path):
    path.write_bytes(pickle.dumps(tree))

def load(path):
    return {key: value.astype("f8") for key, value in pickle.loads(path.read_bytes()).items()}

def make(name, load=load):
    return Format(name=name, backend="numpy", save=save, load=load, accepts="dict")

"""


def test_pytest_fails_for_a_blocker_that_is_not_selected(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROJECT + "@conformance(make('doubles'), select='bits/float32')\ndef test_doubles(check): check()")
    run = pytester.runpytest("-p", "no:cacheprovider", "--ckpt-examples=0")
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    run.assert_outcomes(failed=1, skipped=1)
    run.stdout.fnmatch_lines(["doubles ?dtype/float32?: CHANGED*", "FAILED *test_doubles?dtype/float32?*"])


def test_pytest_fails_if_nothing_could_be_judged(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROJECT + "@conformance(make('any'), select='mismatch/missing')\ndef test_any(check): check()")
    run = pytester.runpytest("-p", "no:cacheprovider", "--ckpt-examples=0")
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    run.stdout.fnmatch_lines(["*mismatch/missing could not be judged, so this run proves nothing*"])


def test_result_survives_json_with_its_blockers() -> None:
    result = by_check(pickle_format(load=load_doubles, accepts="dict"), "bits/float32")["bits/float32"]
    assert Result.from_json(json.loads(json.dumps(result.to_json()))).blocked_by == result.blocked_by == ("dtype/float32",)
