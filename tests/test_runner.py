"""The runner: verdicts, expectations, domains, repeatability, and what is caught rather than believed."""

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

from pytest_ckpt import Format, Verdict, changed, check_format, converted, list_checks, refused, unreadable
from pytest_ckpt.checks import CHECKS, asks_about, checks_for, select_checks
from pytest_ckpt.specs import DictSpec, ListSpec, TensorSpec
from pytest_ckpt.verdicts import ASPECTS, Difference, Observation, blocks, judge

from .conftest import BACKENDS


def _dump(tree: Any, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps(tree))


def _undump(path: pathlib.Path) -> Any:
    return pickle.loads(path.read_bytes())


def _format(**fields: Any) -> Format:
    return Format(**{"name": "mine", "backend": "numpy", "save": _dump, "load": _undump, **fields})


def _raise(error: BaseException) -> Any:
    raise error


def _one(format: Format, check: str, **options: Any) -> Any:
    (result,) = check_format(format, select=[check], **options)
    return result


def test_a_sound_format_is_green_without_select_in_its_domain() -> None:
    for accepts in ("tensor", "list", "dict", "tree"):
        results = check_format(_format(accepts=accepts), examples=5)
        assert [str(result) for result in results if result.failed] == []
        assert sum(result.verdict is Verdict.KEPT for result in results) > 90


def test_the_fortran_memory_fault_is_found_with_at_most_four_elements() -> None:
    def save(array: Any, path: pathlib.Path) -> None:
        np.savez(path, shape=array.shape, memory=np.frombuffer(array.tobytes("A"), array.dtype))

    def load(path: pathlib.Path) -> Any:
        file = np.load(path)
        return file["memory"].reshape(tuple(file["shape"]))

    result = _one(_format(save=save, load=load, accepts="tensor", suffix=".npz"), "layout/fortran")
    assert result.verdict is Verdict.CHANGED
    assert isinstance(result.counterexample, TensorSpec)
    assert 1 < result.counterexample.size <= 4
    assert "of 4 elements differ" in result.detail


@pytest.mark.parametrize(
    ("fields", "verdict", "said"),
    [
        ({"save": lambda tree, path: _raise(ValueError("no"))}, "REFUSED", "ValueError: no"),
        ({"load": lambda path: _raise(ValueError("no"))}, "UNREADABLE", "ValueError: no"),
        ({"load": lambda path: _raise(SystemExit(3))}, "CRASHED", "SystemExit(3)"),
        ({"save": lambda tree, path: None}, "UNREADABLE", "nothing stands at the path"),
        ({"save": lambda tree, path: _dump({key: value * 2 for key, value in tree.items()}, path)}, "CHANGED", "elements differ"),
        ({"load": lambda path, template: template, "template": True}, "CHANGED", "elements differ"),
    ],
    ids=["refuses", "unreadable", "exits", "writes-nothing", "changes", "returns-its-template"],
)
def test_what_happens_is_judged(fields: dict[str, Any], verdict: str, said: str) -> None:
    result = _one(_format(**fields), "dtype/float32")
    assert result.verdict == verdict
    assert said in result.detail
    assert result.failed


def test_a_load_that_returns_the_saved_object_is_not_believed() -> None:
    kept: list[Any] = []

    def save(tree: Any, path: pathlib.Path) -> None:
        kept.append(tree)
        path.write_bytes(b"x")

    result = _one(_format(save=save, load=lambda path: kept[-1]), "dtype/float32")
    assert result.verdict is Verdict.UNREADABLE
    assert "very object" in result.detail
    result = _one(_format(save=save, load=lambda path: {key: value[...] for key, value in kept[-1].items()}), "dtype/float32")
    assert result.verdict is Verdict.UNREADABLE


def test_interrupts_and_pytest_outcomes_pass_through_and_leave_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for error in (KeyboardInterrupt(), pytest.skip.Exception("not today")):
        with pytest.raises(type(error)):
            check_format(_format(save=lambda tree, path, error=error: _raise(error)), select=["dtype/float32"])
    assert list(tmp_path.iterdir()) == []


def test_the_worst_verdict_wins_with_its_smallest_example() -> None:
    """Mild and common: arrays of one dimension are refused. Rare and worse: three dimensions come back changed."""

    def save(array: Any, path: pathlib.Path) -> None:
        if array.ndim == 1:
            raise ValueError("no vectors")
        _dump(array * 2 if array.ndim == 3 else array, path)

    result = _one(_format(save=save, accepts="tensor"), "dtype/int32", examples=60)
    assert result.verdict is Verdict.CHANGED
    assert result.counterexample is not None
    assert len(result.counterexample.shape) == 3
    assert result.counterexample.size == 8, "shrunk to the smallest lengths"


def test_a_flaky_format_keeps_its_worst_verdict_and_is_called_flaky() -> None:
    calls = itertools.count()
    result = _one(_format(load=lambda path: _raise(ValueError("sometimes")) if next(calls) == 0 else _undump(path)), "dtype/float32")
    assert result.verdict is Verdict.UNREADABLE
    assert "flaky: 1 of 3 tries" in result.detail


def test_a_run_is_repeatable_whatever_other_modules_are_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    seen: list[list[bytes]] = []

    def save(tree: Any, path: pathlib.Path) -> None:
        seen[-1].append(pickle.dumps(tree))
        _dump({key: value * 2 if value.ndim > 2 else value for key, value in tree.items()}, path)

    def run(seed: int) -> list[bytes]:
        """Everything that is saved while a fault is found and shrunk."""
        seen.append([])
        results = check_format(_format(save=save), select=["bits/int32", "dtype/int64", "layout/fortran"], seed=seed)
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
def test_check_format_works_inside_a_users_own_given(seed: int) -> None:
    results = check_format(_format(), select=["layout"], seed=seed, examples=5)
    assert all(result.passed for result in results)


def test_expectations_are_strict() -> None:
    def half(tree: Any, path: pathlib.Path) -> None:
        if any(value.dtype.kind == "c" for value in tree.values()):
            raise ValueError("no complex numbers")
        _dump(tree, path)

    def results(**expected: Any) -> dict[str, Any]:
        format = _format(save=half, accepts="dict", expected_failures=expected)
        return {result.check: result for result in check_format(format, select=["dtype"], examples=0)}

    declared = results(**{"dtype/complex*": refused("no complex numbers")})
    assert not declared["dtype/complex64"].failed
    assert declared["dtype/complex64"].verdict is Verdict.REFUSED
    assert results()["dtype/complex64"].failed
    assert results(**{"dtype/complex64": changed("wrong verdict")})["dtype/complex64"].failed
    assert results(**{"dtype/float32": refused("is kept")})["dtype/float32"].failed
    assert results(**{"dtype/complex64": refused("old", when="numpy<1")})["dtype/complex64"].failed
    first = [refused("old", when="numpy<1"), refused("new", when="numpy>=1")]
    assert results(**{"dtype/complex64": first})["dtype/complex64"].expectation.why == "new"
    idle = results(**{"dtype/float*": refused("none of them")})
    assert idle["dtype/float*"].failed
    assert "take it out" in idle["dtype/float*"].detail
    assert "dtype/complex*" not in declared


def test_when_asks_the_installed_versions() -> None:
    assert refused("x", when="numpy>=1").holds()
    assert not refused("x", when="numpy<1").holds()
    assert not refused("x", when="numpy>=1; python_version < '3'").holds()
    assert not refused("x", when="no-such-distribution").holds()
    assert refused("x", when="xdist>=1").holds(), "a package that a distribution of another name brings"


def test_a_pattern_is_idle_only_where_all_of_its_checks_were_asked() -> None:
    format = _format(expected_failures={"dtype/float*": refused("none of them")})
    assert [result.check for result in check_format(format, select=["dtype/float32"])] == ["dtype/float32"]


def test_refusing_what_is_outside_the_domain_needs_no_declaration() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        if not isinstance(tree, np.ndarray):
            raise TypeError("arrays only")
        _dump(tree, path)

    results = check_format(_format(save=save, accepts="tensor"), select="all", examples=2)
    assert [str(result) for result in results if result.failed and result.verdict is Verdict.REFUSED] == []
    outside = next(result for result in results if result.check == "container/list")
    assert (outside.verdict, outside.passed, outside.expectation) == (Verdict.REFUSED, True, None)


def test_losing_what_is_outside_the_domain_is_a_failure() -> None:
    result = _one(_format(save=lambda tree, path: _dump(np.asarray(tree["a"]), path), accepts="tensor"), "container/dict")
    assert result.verdict is Verdict.CHANGED
    assert result.failed


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: _format(backend="troch"), "did you mean 'torch'"),
        (lambda: _format(save=3), "save has to be a function, not int"),
        (lambda: _format(load=None), "come together"),
        (lambda: _format(save=None, load=None), "nothing to test"),
        (lambda: _format(accepts="dicts"), "did you mean 'dict'"),
        (lambda: _format(time_limit=0), "above zero"),
        (lambda: _format(name=""), "needs a name"),
        (lambda: _format(expected_failures={"dtype/bool": "refused"}), "with a reason"),
        (lambda: refused(""), "needs a reason"),
        (lambda: refused("why", when="numpy older"), "requirement"),
        (lambda: check_format(_format(), select=["dtpye"]), "did you mean 'dtype'"),
        (lambda: check_format(_format(), select=["layout/fortan"]), "did you mean 'layout/fortran'"),
        (lambda: check_format(_format(), select=["layuot/*"]), "unknown pattern"),
        (lambda: check_format(_format(), select=["zzz"]), "the families are: dtype, "),
        (lambda: check_format(_format(), examples=-1), "0 or more"),
        (lambda: check_format(_format(expected_failures={"dtype/boool": refused("x")})), "did you mean 'dtype/bool'"),
        (lambda: check_format(_format(expected_failures={"dtype/i*": refused("x"), "dtype/int*": refused("x")})), "name it itself"),
        (lambda: list_checks("numpi"), "did you mean 'numpy'"),
    ],
)
def test_wrong_input_is_an_error_at_once_that_says_what_is_possible(make: Any, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=said):
        make()


def test_an_expectation_for_another_backend_is_ignored() -> None:
    format = _format(expected_failures={"tensor/prng-key": refused("only jax has keys")})
    assert all(not result.failed for result in check_format(format, select=["dtype/bool"]))


def test_select_takes_families_names_and_globs_and_takes_away() -> None:
    def names(*select: str) -> list[str]:
        return [check.name for check in select_checks("numpy", list(select) or None)]

    assert {CHECKS[name].level for name in names()} == {"core"}
    assert names("layout/fortran") == ["layout/fortran"]
    assert names("layout", "-layout/*e*") == ["layout/fortran", "layout/broadcast"]
    assert set(names("all")) == set(list_checks("numpy"))
    assert names("-bits") == [name for name in names() if not name.startswith("bits/")]


def test_every_aspect_belongs_to_a_check_of_its_own() -> None:
    """No difference may belong to no check: what blocks one question is another check's question in the plain case."""
    for backend in BACKENDS:
        judged = set().union(*(check.judges for check in checks_for(backend)))
        invisible = {"numpy": set(), "torch": set(), "tensorflow": {"strides"}, "jax": {"strides"}, "mxnet": {"strides"}}
        assert judged == set(ASPECTS) - invisible[backend]
        for name in (check.name for check in checks_for(backend) if check.family == "dtype"):
            dtype = name.split("/")[1]
            for aspect in ("dtype", "values"):
                owner = asks_about(Difference("", aspect, "", "", leaf=dtype))
                assert owner in list_checks(backend)
                assert aspect in CHECKS[str(owner)].judges
    for shape in ("()", "(0,)", "(2, 0)", "(1, 1)", "(2, 3)", "(2, 1, 2, 1, 2)"):
        owner = asks_about(Difference("", "shape", shape, "()"))
        assert owner is not None
        assert "shape" in CHECKS[owner].judges
    for kind in ("dict", "list", "tuple", "int", "NoneType", "collections.OrderedDict", "numpy.float32"):
        for aspect in ("container", "keys"):
            owner = asks_about(Difference("", aspect, "", "", leaf=kind))
            assert owner is not None
            assert aspect in CHECKS[owner].judges


def test_one_loss_fails_one_question() -> None:
    """A loader that gives other dtypes fails `dtype`; that values cannot be compared then is a skip that says so."""
    format = _format(load=lambda path: {key: value.astype("f8") for key, value in _undump(path).items()}, accepts="dict")
    results = {result.check: result for result in check_format(format, select=["dtype/float32", "bits/float32", "layout"], examples=0)}
    assert results["dtype/float32"].verdict is Verdict.CHANGED
    assert results["bits/float32"].verdict is None
    assert "dtype/float32 asks about" in str(results["bits/float32"].skipped)
    assert not results["bits/float32"].passed
    alone = _one(format, "bits/float32", examples=0)
    assert alone.verdict is Verdict.CHANGED, "nobody else asks, so the loss is told here"


def test_a_loss_that_no_other_check_sees_is_told_where_it_is_met() -> None:
    """float32 keeps its dtype in plain memory, so `dtype/float32` has nothing to tell of Fortran order."""

    def save(tree: Any, path: pathlib.Path) -> None:
        _dump({key: value.astype("f8") if value.ndim > 1 and value.flags.fnc else value for key, value in tree.items()}, path)

    results = {result.check: result for result in check_format(_format(save=save, accepts="dict"), select=["dtype", "layout"], examples=0)}
    assert results["dtype/float32"].verdict is Verdict.KEPT
    assert results["layout/fortran"].verdict is Verdict.CHANGED
    assert "dtype: expected float32, got float64" in results["layout/fortran"].detail


def test_a_tensor_that_is_gone_is_told_where_others_merely_change_their_class() -> None:
    class Other(np.ndarray[Any, Any]):
        pass

    def load(path: pathlib.Path) -> Any:
        return {key: None if value.dtype == np.int8 else value.view(Other) for key, value in _undump(path).items()}

    results = {r.check: r for r in check_format(_format(load=load), select=["dtype/int8", "dtype/int16", "tensor/kind"], examples=0)}
    assert results["tensor/kind"].verdict is Verdict.CONVERTED
    assert results["dtype/int16"].verdict is Verdict.KEPT
    assert results["dtype/int8"].verdict is Verdict.CHANGED


class _Broken:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("closed")

    def __repr__(self) -> str:
        raise RuntimeError("closed")


def _deep(depth: int) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = [tree]
    return tree


def _closed(path: pathlib.Path) -> Any:
    np.savez(path.with_name("closed.npz"), x=np.ones(2))
    file = np.load(path.with_name("closed.npz"))
    file.close()
    return file


@pytest.mark.parametrize("load", [lambda path: _Broken(), lambda path: {"x": _Broken()}, lambda path: _deep(5000), _closed])
def test_whatever_comes_back_gets_a_verdict(load: Any) -> None:
    for result in check_format(_format(load=load), select=["dtype/float32", "container/int"], examples=0):
        assert result.verdict in (Verdict.CHANGED, Verdict.UNREADABLE)
        assert result.counterexample is not None


def test_judging_follows_its_page() -> None:
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


def test_wait_is_called_before_anything_is_loaded_and_context_is_held() -> None:
    events: list[str] = []

    class Context:
        def __enter__(self) -> None:
            events.append("enter")

        def __exit__(self, *_: object) -> None:
            events.append("exit")

    def save(tree: Any, path: pathlib.Path) -> str:
        _dump(tree, path)
        events.append("save")
        return "future"

    def load(path: pathlib.Path) -> Any:
        events.append("load")
        return _undump(path)

    format = _format(save=save, load=load, wait=lambda result: events.append(f"wait {result}"), context=Context)
    assert _one(format, "shape/scalar").passed
    assert events[:5] == ["enter", "save", "wait future", "load", "exit"]


def test_a_template_has_the_structure_and_other_values() -> None:
    templates: list[Any] = []

    def load(path: pathlib.Path, template: Any) -> Any:
        templates.append(template)
        return _undump(path)

    results = check_format(_format(load=load, template=True), select=["dtype/float32", "container/none", "shape/empty"])
    assert all(result.passed for result in results)
    assert any(template["a"] is None and template["b"].any() for template in templates if "a" in template)
    assert all(len(template) == 2 for template in templates if any(value is not None and value.size == 0 for value in template.values()))


def test_domains_are_told_apart() -> None:
    tensor = TensorSpec("float32", (2,))
    assert _format(accepts="tensor").in_domain(tensor)
    assert not _format(accepts="tensor").in_domain(ListSpec((tensor,)))
    assert _format(accepts="list").in_domain(ListSpec((tensor,)))
    assert not _format(accepts="dict").in_domain(DictSpec(((1, tensor),)))
    assert not _format(accepts="dict").in_domain(DictSpec((("a", tensor),), ordered=True))
    assert _format(accepts="tree").in_domain(DictSpec(((1, tensor),)))


@pytest.mark.parametrize("declared", [unreadable("x"), converted("x")])
def test_results_say_what_was_asked_promised_and_found(declared: Any) -> None:
    format = _format(load=lambda path: _raise(ValueError("no")), expected_failures={"dtype/bool": declared})
    result = _one(format, "dtype/bool")
    text = str(result)
    for part in (
        "mine [dtype/bool]: UNREADABLE",
        "asked: A tensor of this dtype",
        f"declared: {declared.verdict} (x)",
        "TensorSpec('bool'",
        "ValueError: no",
    ):
        assert part in text
    assert result.failed == (declared.verdict is not Verdict.UNREADABLE)


def test_a_flaky_failure_is_as_declared_when_it_shows_when_it_is_milder_and_when_it_does_not() -> None:
    declared = {CHECK: unreadable("now and then it cannot be read", flaky=True)}

    def fails(path: pathlib.Path) -> Any:
        raise ValueError("not today")

    def refuses(tree: Any, path: pathlib.Path) -> None:
        raise ValueError("not today")

    for more, verdict in ((dict[str, Any](), Verdict.KEPT), ({"load": fails}, Verdict.UNREADABLE), ({"save": refuses}, Verdict.REFUSED)):
        result = _one(_format(expected_failures=declared, **more), CHECK)
        assert (result.verdict, result.passed) == (verdict, True)
    worse = _one(_format(expected_failures=declared, load=lambda path: {"a": 1}), CHECK)
    assert (worse.verdict, worse.passed) == (Verdict.CHANGED, False)


CHECK = "dtype/float32"
