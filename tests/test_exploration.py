"""Exploration depends on the seed only, needs no private API, and shrinks to the simplest example."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.provider_conformance import run_conformance_test

from pytest_ckpt.runner.choices import ChoiceProvider
from pytest_ckpt.runner.exploration import explore, shrink

EVERYTHING = st.tuples(st.integers(), st.floats(), st.text(), st.binary(), st.booleans(), st.lists(st.integers(0, 9)))


def _drawn(strategy: Any, count: int, seed: int = 0) -> list[Any]:
    found: list[Any] = []
    assert explore(strategy, found.append, count=count, seed=seed, seconds=600)
    return found


def test_provider_conforms_to_the_interface_of_hypothesis() -> None:
    run_conformance_test(ChoiceProvider, settings=settings(max_examples=20, stateful_step_count=10, database=None, deadline=None))


def test_same_seed_draws_the_same_examples() -> None:
    assert list(map(repr, _drawn(EVERYTHING, 50, 1))) == list(map(repr, _drawn(EVERYTHING, 50, 1)))
    assert list(map(repr, _drawn(EVERYTHING, 50, 1))) != list(map(repr, _drawn(EVERYTHING, 50, 2)))


def test_draws_different_examples_until_none_is_left() -> None:
    assert sorted(_drawn(st.integers(1, 3), 100)) == [1, 1, 2, 3], "the simplest one may be drawn again"
    assert len(_drawn(st.integers(0, 1000), 100)) == 100


def test_draws_nothing_for_a_count_of_zero() -> None:
    assert _drawn(st.integers(), 0) == []


def test_reports_that_the_time_was_too_short() -> None:
    assert not explore(st.integers(), lambda value: None, count=5, seed=0, seconds=-1)


def test_raises_what_visit_raises_and_calls_it_once() -> None:
    calls: list[int] = []

    def visit(value: int) -> None:
        calls.append(value)
        raise KeyError(value)

    with pytest.raises(KeyError, match="0"):
        explore(st.integers(), visit, count=5, seed=0, seconds=60)
    assert calls == [0]


@pytest.mark.parametrize(
    ("strategy", "bad", "simplest"),
    [
        (st.integers(), lambda value: True, 0),
        (st.integers(), lambda value: value > 1000, 1001),
        (st.integers(0, 10**6), lambda value: value >= 777, 777),
        (st.lists(st.integers(0, 255)), lambda value: len(value) > 1 and len(set(value)) < len(value), [0, 0]),
        (st.tuples(st.integers(0, 255), st.integers(0, 255)), lambda value: value[0] == value[1] > 9, (10, 10)),
        (st.booleans(), lambda value: value, True),
        (st.integers(0, 9).filter(lambda value: value % 2), lambda value: value > 2, 3),
    ],
)
def test_shrinks_to_the_simplest_example(strategy: Any, bad: Any, simplest: Any) -> None:
    assert shrink(strategy, bad, count=500, seed=0, seconds=60) == simplest


def test_shrink_returns_none_where_nothing_is_bad() -> None:
    assert shrink(st.integers(), lambda value: False, count=20, seed=0, seconds=60) is None


def test_shrink_goes_on_after_rejected_examples() -> None:
    def even(value: int) -> int:
        assume(value % 2 == 0)
        return value

    assert shrink(st.integers(0, 255).map(even), lambda value: value > 100, count=100, seed=0, seconds=60) == 102


def test_explores_inside_a_test_with_given() -> None:
    found: list[list[int]] = []

    @settings(max_examples=5, database=None)
    @given(st.integers())
    def outer(value: int) -> None:
        found.append(_drawn(st.integers(0, 1000), 5, seed=3))

    outer()
    assert found[0] == found[-1] == _drawn(st.integers(0, 1000), 5, seed=3)


def test_writes_no_files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _drawn(EVERYTHING, 200)
    shrink(EVERYTHING, lambda value: value[0] > 5, count=200, seed=0, seconds=60)
    assert list(tmp_path.iterdir()) == []


def test_shrinking_ends_when_filter_rejects_simplest_value() -> None:
    tried: list[int] = []

    def is_large(value: int) -> bool:
        tried.append(value)
        return value > 3

    assert shrink(st.integers(0, 1000).filter(is_large), lambda value: value > 100, count=20, seed=0, seconds=60) == 101
    assert len(tried) < 300
