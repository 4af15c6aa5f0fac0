"""Expected failures are strict, apply to the declared versions only, and are not needed outside the domain."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Verdict, changed, check_format, refused, unreadable
from pytest_ckpt.expectations import Expectations, Resolved

from .pickle_format import pickle_format, run_check, save_pickle

CHECK = "dtype/float32"


def test_expectations_are_strict() -> None:
    def half(tree: Any, path: pathlib.Path) -> None:
        if any(value.dtype.kind == "c" for value in tree.values()):
            raise ValueError("no complex numbers")
        save_pickle(tree, path)

    def results(**expected: Any) -> dict[str, Any]:
        format = pickle_format(save=half, accepts="dict", expected_failures=expected)
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
    assert "remove the entry" in idle["dtype/float*"].detail
    assert "dtype/complex*" not in declared


def test_exact_name_takes_precedence_over_patterns() -> None:
    exact, glob, family = refused("exact", when="numpy<1"), changed("glob"), unreadable("family")
    expectations = Expectations({"dtype/int8": exact, "dtype/int*": glob, "shape": family})
    assert expectations.for_check("dtype/int8") == Resolved(None, "dtype/int8", False), "the installed numpy does not meet its when"
    assert expectations.for_check("dtype/int16") == Resolved(glob, "dtype/int*", True)
    assert expectations.for_check("shape/scalar") == Resolved(family, "shape", True)
    assert expectations.for_check("keys/nul") == Resolved()
    assert expectations.in_force == {"dtype/int*": glob, "shape": family}
    assert expectations.checks_under("dtype/int*", ["dtype/int8", "dtype/int16", "keys/nul"]) == ["dtype/int16"]


def test_two_patterns_for_one_check_are_an_error() -> None:
    expectations = Expectations({"dtype/int*": refused("a"), "dtype": refused("b")})
    with pytest.raises(ValueError, match=r"'dtype/int\*', 'dtype' all match the check 'dtype/int8'; add an entry for 'dtype/int8'"):
        expectations.for_check("dtype/int8")
    assert expectations.for_check("dtype/bool").key == "dtype"


def test_when_compares_installed_versions() -> None:
    assert refused("x", when="numpy>=1").holds()
    assert not refused("x", when="numpy<1").holds()
    assert not refused("x", when="numpy>=1; python_version < '3'").holds()
    assert not refused("x", when="no-such-distribution").holds()
    assert refused("x", when="xdist>=1").holds(), "a package that a distribution of another name brings"


def test_pattern_is_judged_only_if_all_its_checks_ran() -> None:
    format = pickle_format(expected_failures={"dtype/float*": refused("none of them")})
    assert [result.check for result in check_format(format, select=["dtype/float32"])] == ["dtype/float32"]


def test_refusal_outside_domain_needs_no_declaration() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        if not isinstance(tree, np.ndarray):
            raise TypeError("arrays only")
        save_pickle(tree, path)

    format = pickle_format(save=save, accepts="tensor")
    results = check_format(format, select=["container", "keys", "alias", "files", "corruption"], examples=0)
    assert [str(result) for result in results if result.failed and result.verdict is Verdict.REFUSED] == []
    outside = next(result for result in results if result.check == "container/list")
    assert (outside.verdict, outside.passed, outside.expectation) == (Verdict.REFUSED, True, None)


def test_silent_loss_outside_domain_is_a_failure() -> None:
    result = run_check(pickle_format(save=lambda tree, path: save_pickle(np.asarray(tree["a"]), path), accepts="tensor"), "container/dict")
    assert result.verdict is Verdict.CHANGED
    assert result.failed


def test_expectation_for_another_backend_is_ignored() -> None:
    format = pickle_format(expected_failures={"tensor/prng-key": refused("only jax has keys")})
    assert all(not result.failed for result in check_format(format, select=["dtype/bool"]))


def test_flaky_expectation_allows_milder_verdicts_and_kept() -> None:
    declared = {CHECK: unreadable("now and then it cannot be read", flaky=True)}

    def fails(path: pathlib.Path) -> Any:
        raise ValueError("not today")

    def refuses(tree: Any, path: pathlib.Path) -> None:
        raise ValueError("not today")

    for more, verdict in ((dict[str, Any](), Verdict.KEPT), ({"load": fails}, Verdict.UNREADABLE), ({"save": refuses}, Verdict.REFUSED)):
        result = run_check(pickle_format(expected_failures=declared, **more), CHECK)
        assert (result.verdict, result.passed) == (verdict, True)
    worse = run_check(pickle_format(expected_failures=declared, load=lambda path: {"a": 1}), CHECK)
    assert (worse.verdict, worse.passed) == (Verdict.CHANGED, False)
