"""What is declared: strictly, for the versions that it is about, and only where it has to be."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from pytest_ckpt import Verdict, changed, check_format, refused, unreadable

from .mine import asked, dump, mine

CHECK = "dtype/float32"


def test_expectations_are_strict() -> None:
    def half(tree: Any, path: pathlib.Path) -> None:
        if any(value.dtype.kind == "c" for value in tree.values()):
            raise ValueError("no complex numbers")
        dump(tree, path)

    def results(**expected: Any) -> dict[str, Any]:
        format = mine(save=half, accepts="dict", expected_failures=expected)
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


def test_when_asks_the_installed_versions() -> None:
    assert refused("x", when="numpy>=1").holds()
    assert not refused("x", when="numpy<1").holds()
    assert not refused("x", when="numpy>=1; python_version < '3'").holds()
    assert not refused("x", when="no-such-distribution").holds()
    assert refused("x", when="xdist>=1").holds(), "a package that a distribution of another name brings"


def test_a_pattern_is_idle_only_where_all_of_its_checks_were_asked() -> None:
    format = mine(expected_failures={"dtype/float*": refused("none of them")})
    assert [result.check for result in check_format(format, select=["dtype/float32"])] == ["dtype/float32"]


def test_refusing_what_is_outside_the_domain_needs_no_declaration() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        if not isinstance(tree, np.ndarray):
            raise TypeError("arrays only")
        dump(tree, path)

    results = check_format(mine(save=save, accepts="tensor"), select="all", examples=2)
    assert [str(result) for result in results if result.failed and result.verdict is Verdict.REFUSED] == []
    outside = next(result for result in results if result.check == "container/list")
    assert (outside.verdict, outside.passed, outside.expectation) == (Verdict.REFUSED, True, None)


def test_losing_what_is_outside_the_domain_is_a_failure() -> None:
    result = asked(mine(save=lambda tree, path: dump(np.asarray(tree["a"]), path), accepts="tensor"), "container/dict")
    assert result.verdict is Verdict.CHANGED
    assert result.failed


def test_an_expectation_for_another_backend_is_ignored() -> None:
    format = mine(expected_failures={"tensor/prng-key": refused("only jax has keys")})
    assert all(not result.failed for result in check_format(format, select=["dtype/bool"]))


def test_a_flaky_failure_is_as_declared_when_it_shows_when_it_is_milder_and_when_it_does_not() -> None:
    declared = {CHECK: unreadable("now and then it cannot be read", flaky=True)}

    def fails(path: pathlib.Path) -> Any:
        raise ValueError("not today")

    def refuses(tree: Any, path: pathlib.Path) -> None:
        raise ValueError("not today")

    for more, verdict in ((dict[str, Any](), Verdict.KEPT), ({"load": fails}, Verdict.UNREADABLE), ({"save": refuses}, Verdict.REFUSED)):
        result = asked(mine(expected_failures=declared, **more), CHECK)
        assert (result.verdict, result.passed) == (verdict, True)
    worse = asked(mine(expected_failures=declared, load=lambda path: {"a": 1}), CHECK)
    assert (worse.verdict, worse.passed) == (Verdict.CHANGED, False)
