"""The regressions file: counterexamples are stored, run first, and never lost."""

from __future__ import annotations

import json
import os
import pathlib

import numpy as np  # noqa: F401, imported once for all sessions of this process
import pytest

from pytest_ckpt.plugin.regressions import merged, read_regressions, write_regressions
from pytest_ckpt.specs import DictSpec, Fill, ListSpec, PlainSpec, TensorSpec

from .test_plugin import _test, mylib  # noqa: F401

SMALL = TensorSpec("float32", (2, 2), "fortran", Fill(1, specials=((0, 0x7FC00001),)))
OTHERS = {
    "theirs": {
        "dtype/bool": [ListSpec((SMALL,))],
        "keys/unicode": [DictSpec(((" \ud800é", PlainSpec(float("nan"))), (1, PlainSpec(b"\xff"))))],
    }
}
UPDATE = ("-p", "no:cacheprovider", "--ckpt-regressions=found.json", "--ckpt-update-regressions")
#: Two of three checks fail. None of them draws examples, so this is fast.
BROKEN = """
@conformance(make(load=lambda path: {name: value if value.ndim > 1 else value[None] for name, value in load(path).items()}),
             select=["shape/scalar", "shape/high-rank", "shape/empty"])
def test_mylib(check): check()
"""


def test_file_round_trips_and_is_readable(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new" / "found.json"
    write_regressions(path, OTHERS)
    assert read_regressions(path) == OTHERS
    assert '\n      {"spec": "ListSpec", "items": [{"spec": "TensorSpec", "dtype": "float32", "shape": [2, 2]' in path.read_text(), (
        "one line per spec"
    )
    assert list(path.parent.iterdir()) == [path]
    path.touch()
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode, "the same permissions as any file of the project"
    write_regressions(path, {})
    assert read_regressions(path) == {}


def test_merging_stores_each_spec_once() -> None:
    known, new = merged(
        OTHERS, [("theirs", "dtype/bool", ListSpec((SMALL,))), ("theirs", "dtype/bool", SMALL), ("mine", "bits/bool", SMALL)]
    )
    assert new == 2
    assert known["theirs"]["dtype/bool"] == [ListSpec((SMALL,)), SMALL]
    assert known["mine"] == {"bits/bool": [SMALL]}
    assert OTHERS["theirs"]["dtype/bool"] == [ListSpec((SMALL,))]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"a": []}', '{"a": {"dtype/bool": {}}}', '{"a": {"dtype/bool": [1]}}', '{"a": {"dtype/bool": [{"spec": "Tensor"}]}}',
     '{"a": {"dtype/bool": [{"spec": "TensorSpec", "dtype": "float33", "shape": []}]}}', "\udcff", "[" * 100_000],
)  # fmt: skip
def test_other_file_is_usage_error(pytester: pytest.Pytester, text: str) -> None:
    path = pytester.path / "found.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    result = pytester.runpytest("--ckpt-regressions=found.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {path} is not a regressions file written by --ckpt-update-regressions: *"])


def test_folder_and_unknown_check_are_usage_errors(pytester: pytest.Pytester) -> None:
    pytester.mkdir("folder")
    assert pytester.runpytest("--ckpt-regressions=folder").ret == pytest.ExitCode.USAGE_ERROR
    (pytester.path / "found.json").write_text('{"mine": {"dtype/boool": []}}')
    result = pytester.runpytest("--ckpt-regressions=found.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *found.json: unknown check 'dtype/boool': did you mean 'dtype/bool'? Rename or remove it"])


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["one-process", "workers"])
def test_update_option_writes_file_and_keeps_other_formats(
    mylib: pytest.Pytester,  # noqa: F811
    workers: tuple[str, ...],
) -> None:
    _test(mylib, BROKEN)
    path = mylib.path / "found.json"
    write_regressions(path, OTHERS)
    before = path.read_bytes()
    mylib.runpytest(*UPDATE[:-1]).assert_outcomes(failed=2, passed=1)
    assert path.read_bytes() == before
    result = (mylib.runpytest_subprocess if workers else mylib.runpytest)(*UPDATE, *workers)
    result.stdout.fnmatch_lines([f"ckpt: 2 new counterexample(s) written to {path}"])
    found = read_regressions(path)
    assert found["theirs"] == OTHERS["theirs"]
    assert sorted(found["mine"]) == ["shape/empty", "shape/scalar"]
    assert sorted(entry.name for entry in mylib.path.iterdir() if "found" in entry.name) == ["found.json"]
    after = path.read_bytes()
    mylib.runpytest(*UPDATE).stdout.fnmatch_lines(["ckpt: 0 new counterexample(s)*"])
    assert path.read_bytes() == after


def test_stored_counterexamples_run_first(mylib: pytest.Pytester) -> None:  # noqa: F811
    """No drawn example would find this one again. The setting names the file."""
    spec = DictSpec((("rare", TensorSpec("float32", (5, 7), fill=Fill(77))),))
    mylib.mkdir("kept")
    write_regressions(mylib.path / "kept" / "found.json", {"mine": {"shape/ones": [spec]}})
    _test(
        mylib,
        """
seen = []
def load_rare(path):
    seen.append(load(path))
    return {name: value + (value.shape == (5, 7)) for name, value in seen[-1].items()}

@conformance(make(load=load_rare), select="shape/ones")
def test_mylib(check):
    with pytest.raises(AssertionError) as failure: check()
    assert list(seen[0]) == ["rare"]
    assert "counterexample: DictSpec((('rare'," in str(failure.value)
""",
    )
    mylib.makeini("[pytest]\nckpt_regressions = kept/found.json")
    os.chdir(mylib.mkdir("elsewhere"))
    mylib.runpytest("-p", "no:cacheprovider", "--ckpt-examples=0", "..").assert_outcomes(passed=1)


def test_setting_may_name_file_that_does_not_exist(mylib: pytest.Pytester) -> None:  # noqa: F811
    _test(mylib, BROKEN)
    mylib.makeini("[pytest]\nckpt_regressions = new/found.json")
    mylib.runpytest("-p", "no:cacheprovider", "--ckpt-update-regressions").assert_outcomes(failed=2, passed=1)
    assert list(json.loads((mylib.path / "new" / "found.json").read_text())) == ["mine"]
