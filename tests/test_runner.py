"""The runner: verdicts, expectations, domains, repeatability, and loaders that cheat."""

from __future__ import annotations

import itertools
import pathlib
import pickle
import sys
import tempfile
import types
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ckpt import Verdict, check_format, converted, list_checks, refused, unreadable
from pytest_ckpt.specs import DictSpec, ListSpec, TensorSpec
from pytest_ckpt.verdicts import Difference, Observation, blocks, judge

from .pickle_format import load_pickle, pickle_format, raise_error, run_check, save_pickle


def test_pickle_format_passes_in_every_domain() -> None:
    for accepts in ("tensor", "list", "dict", "tree"):
        results = check_format(pickle_format(accepts=accepts), examples=1)
        assert [str(result) for result in results if result.failed] == []
        assert sum(result.verdict is Verdict.KEPT for result in results) > 90


def test_fortran_fault_shrinks_to_four_elements() -> None:
    def save(array: Any, path: pathlib.Path) -> None:
        np.savez(path, shape=array.shape, memory=np.frombuffer(array.tobytes("A"), array.dtype))

    def load(path: pathlib.Path) -> Any:
        file = np.load(path)
        return file["memory"].reshape(tuple(file["shape"]))

    result = run_check(pickle_format(save=save, load=load, accepts="tensor", suffix=".npz"), "layout/fortran")
    assert result.verdict is Verdict.CHANGED
    assert isinstance(result.counterexample, TensorSpec)
    assert 1 < result.counterexample.size <= 4
    assert "of 4 elements differ" in result.detail


@pytest.mark.parametrize(
    ("fields", "verdict", "detail"),
    [
        ({"save": lambda tree, path: raise_error(ValueError("no"))}, "REFUSED", "ValueError: no"),
        ({"load": lambda path: raise_error(ValueError("no"))}, "UNREADABLE", "ValueError: no"),
        ({"load": lambda path: raise_error(SystemExit(3))}, "CRASHED", "SystemExit(3)"),
        ({"save": lambda tree, path: None}, "UNREADABLE", "there is no file at the path"),
        ({"save": lambda tree, path: save_pickle({key: value * 2 for key, value in tree.items()}, path)}, "CHANGED", "elements differ"),
        ({"load": lambda path, template: template, "template": True}, "CHANGED", "elements differ"),
    ],
    ids=["save_raises", "load_raises", "load_exits", "save_writes_nothing", "save_changes_values", "load_returns_template"],
)
def test_each_outcome_gets_its_verdict(fields: dict[str, Any], verdict: str, detail: str) -> None:
    result = run_check(pickle_format(**fields), "dtype/float32")
    assert result.verdict == verdict
    assert detail in result.detail
    assert result.failed


def test_load_that_returns_the_saved_object_fails() -> None:
    saved: list[Any] = []

    def save(tree: Any, path: pathlib.Path) -> None:
        saved.append(tree)
        path.write_bytes(b"x")

    result = run_check(pickle_format(save=save, load=lambda path: saved[-1]), "dtype/float32")
    assert result.verdict is Verdict.UNREADABLE
    assert "same object that was saved" in result.detail
    result = run_check(pickle_format(save=save, load=lambda path: {key: value[...] for key, value in saved[-1].items()}), "dtype/float32")
    assert result.verdict is Verdict.UNREADABLE


def test_interrupts_and_pytest_outcomes_propagate(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for error in (KeyboardInterrupt(), pytest.skip.Exception("not today")):
        with pytest.raises(type(error)):
            check_format(pickle_format(save=lambda tree, path, error=error: raise_error(error)), select=["dtype/float32"])
    assert list(tmp_path.iterdir()) == []


def test_worst_verdict_is_reported_with_smallest_example() -> None:
    """Vectors are refused, which is common and mild; rank 3 is changed, which is rare and worse."""

    def save(array: Any, path: pathlib.Path) -> None:
        if array.ndim == 1:
            raise ValueError("vectors are not supported")
        save_pickle(array * 2 if array.ndim == 3 else array, path)

    result = run_check(pickle_format(save=save, accepts="tensor"), "dtype/int32", examples=60)
    assert result.verdict is Verdict.CHANGED
    assert result.counterexample is not None
    assert len(result.counterexample.shape) == 3
    assert result.counterexample.size == 8, "shrunk to the smallest lengths"


def test_flaky_format_gets_its_worst_verdict() -> None:
    calls = itertools.count()
    result = run_check(
        pickle_format(load=lambda path: raise_error(ValueError("sometimes")) if next(calls) == 0 else load_pickle(path)), "dtype/float32"
    )
    assert result.verdict is Verdict.UNREADABLE
    assert "flaky: 1 of 3 runs" in result.detail


def test_run_is_repeatable_with_other_modules_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    seen: list[list[bytes]] = []

    def save(tree: Any, path: pathlib.Path) -> None:
        seen[-1].append(pickle.dumps(tree))
        save_pickle({key: value * 2 if value.ndim > 2 else value for key, value in tree.items()}, path)

    def run(seed: int) -> list[bytes]:
        """Return everything that is saved while a fault is found and shrunk."""
        seen.append([])
        results = check_format(pickle_format(save=save), select=["bits/int32", "dtype/int64", "layout/fortran"], seed=seed)
        assert all(result.failed for result in results)
        return seen[-1]

    first = run(3)
    source = tmp_path / "local_module.py"
    source.write_text("A, B, C = 17, 93, 201\nD = 'constants that Hypothesis would draw'\n" + "".join(f"X{n} = {n}\n" for n in range(256)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    __import__("local_module")
    monkeypatch.setitem(sys.modules, "another", types.ModuleType("another"))
    assert run(3) == first
    assert run(4) != first
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "__pycache__"] == ["local_module.py"]


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 5))
def test_check_format_works_inside_given(seed: int) -> None:
    results = check_format(pickle_format(), select=["layout"], seed=seed, examples=5)
    assert all(result.passed for result in results)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pickle_format(backend="troch"), "did you mean 'torch'"),
        (lambda: pickle_format(save=3), "save must be a function, not int"),
        (lambda: pickle_format(load=None), "must be given together"),
        (lambda: pickle_format(suffix="npz"), "suffix='npz' must start with a dot: suffix='.npz'"),
        (lambda: pickle_format(save=None, load=None), "no functions to test"),
        (lambda: pickle_format(accepts="dicts"), "did you mean 'dict'"),
        (lambda: pickle_format(time_limit=0), "greater than 0"),
        (lambda: pickle_format(name=""), "name must be a text that is not empty"),
        (lambda: pickle_format(expected_failures={"dtype/bool": "refused"}), "with a reason"),
        (lambda: refused(""), "needs a reason"),
        (lambda: refused("why", when="numpy older"), "requirement"),
        (lambda: check_format(pickle_format(), select=["dtpye"]), "did you mean 'dtype'"),
        (lambda: check_format(pickle_format(), select=["layout/fortan"]), "did you mean 'layout/fortran'"),
        (lambda: check_format(pickle_format(), select=["layuot/*"]), "unknown pattern"),
        (lambda: check_format(pickle_format(), select=["zzz"]), "the families are: dtype, "),
        (lambda: check_format(pickle_format(), examples=-1), "at least 0"),
        (lambda: check_format(pickle_format(expected_failures={"dtype/boool": refused("x")})), "did you mean 'dtype/bool'"),
        (
            lambda: check_format(pickle_format(expected_failures={"dtype/i*": refused("x"), "dtype/int*": refused("x")})),
            "all match the check 'dtype/int1'; add an entry for",
        ),
        (lambda: list_checks("numpi"), "did you mean 'numpy'"),
    ],
)
def test_invalid_input_raises_with_suggestion(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


class _RaisesOnAccess:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("closed")

    def __repr__(self) -> str:
        raise RuntimeError("closed")


def _nested_list(depth: int) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = [tree]
    return tree


def _closed_file(path: pathlib.Path) -> Any:
    np.savez(path.with_name("closed.npz"), x=np.ones(2))
    file = np.load(path.with_name("closed.npz"))
    file.close()
    return file


@pytest.mark.parametrize(
    "load", [lambda path: _RaisesOnAccess(), lambda path: {"x": _RaisesOnAccess()}, lambda path: _nested_list(5000), _closed_file]
)
def test_unusable_loaded_objects_get_a_verdict(load: Any) -> None:
    for result in check_format(pickle_format(load=load), select=["dtype/float32", "container/int"], examples=0):
        assert result.verdict in (Verdict.CHANGED, Verdict.UNREADABLE)
        assert result.counterexample is not None


def test_judge_follows_the_rules_of_verdicts() -> None:
    def verdict(seen: Observation, *judges: str, other: str | None = None) -> Any:
        return judge(seen, judges, lambda difference: other).verdict

    kind = Difference("", "kind", "", "")
    shape = Difference("", "shape", "", "")
    lost = Difference("", "container", "", "", lost=True)
    assert verdict(Observation(), "values") is Verdict.KEPT
    assert verdict(Observation(differences=(kind,)), "values") is Verdict.KEPT
    assert verdict(Observation(differences=(kind,)), "kind") is Verdict.CONVERTED
    assert verdict(Observation(differences=(shape,)), "values") is Verdict.CHANGED
    assert verdict(Observation(differences=(shape,)), "values", other="shape/plain") is None
    assert verdict(Observation(differences=(lost,)), "container") is Verdict.CHANGED
    assert verdict(Observation(excess="large")) is Verdict.COSTLY
    assert verdict(Observation(skipped="not here"), "values") is None
    assert blocks(shape, ["values"])
    assert not blocks(kind, ["values"])
    assert sorted(Verdict, reverse=True)[0] is Verdict.UNSAFE
    assert Verdict.KEPT < Verdict.COSTLY < Verdict.REFUSED < Verdict.CONVERTED < Verdict.UNREADABLE < Verdict.CRASHED < Verdict.CHANGED


def test_wait_and_context_surround_save_and_load() -> None:
    events: list[str] = []

    class Context:
        def __enter__(self) -> None:
            events.append("enter")

        def __exit__(self, *_: object) -> None:
            events.append("exit")

    def save(tree: Any, path: pathlib.Path) -> str:
        save_pickle(tree, path)
        events.append("save")
        return "future"

    def load(path: pathlib.Path) -> Any:
        events.append("load")
        return load_pickle(path)

    format = pickle_format(save=save, load=load, wait=lambda result: events.append(f"wait {result}"), context=Context)
    assert run_check(format, "shape/scalar").passed
    assert events[:5] == ["enter", "save", "wait future", "load", "exit"]


def test_template_has_same_structure_and_other_values() -> None:
    templates: list[Any] = []

    def load(path: pathlib.Path, template: Any) -> Any:
        templates.append(template)
        return load_pickle(path)

    results = check_format(pickle_format(load=load, template=True), select=["dtype/float32", "container/none", "shape/empty"])
    assert all(result.passed for result in results)
    assert any(template["a"] is None and template["b"].any() for template in templates if "a" in template)
    assert all(len(template) == 2 for template in templates if any(value is not None and value.size == 0 for value in template.values()))


def test_in_domain_follows_accepts() -> None:
    tensor = TensorSpec("float32", (2,))
    assert pickle_format(accepts="tensor").in_domain(tensor)
    assert not pickle_format(accepts="tensor").in_domain(ListSpec((tensor,)))
    assert pickle_format(accepts="list").in_domain(ListSpec((tensor,)))
    assert not pickle_format(accepts="dict").in_domain(DictSpec(((1, tensor),)))
    assert not pickle_format(accepts="dict").in_domain(DictSpec((("a", tensor),), ordered=True))
    assert pickle_format(accepts="tree").in_domain(DictSpec(((1, tensor),)))


@pytest.mark.parametrize("declared", [unreadable("x"), converted("x")])
def test_result_text_has_check_expectation_and_finding(declared: Any) -> None:
    format = pickle_format(load=lambda path: raise_error(ValueError("no")), expected_failures={"dtype/bool": declared})
    result = run_check(format, "dtype/bool")
    text = str(result)
    for part in (
        "mine [dtype/bool]: UNREADABLE",
        "check: A tensor of this dtype",
        f"expected: {declared.verdict} (x)",
        "TensorSpec('bool'",
        "ValueError: no",
    ):
        assert part in text
    assert result.failed == (declared.verdict is not Verdict.UNREADABLE)
