"""A result has every verdict that its examples got, and a declaration covers only the verdicts that it names."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import pytest

from pytest_ckpt import Expectation, Format, Verdict, changed, check_format, refused, unreadable
from pytest_ckpt.expectations import Resolved
from pytest_ckpt.results import Result
from pytest_ckpt.runner import judging

from .pickle_format import load_pickle, pickle_format, raise_error, run_check, save_pickle

CHECK = "shape/plain"


def save_flat(tree: Any, path: pathlib.Path) -> None:
    """Lose the shape of matrices only."""
    save_pickle({key: value.reshape(-1) if value.ndim == 2 else value for key, value in tree.items()}, path)


def save_flat_or_nothing(tree: Any, path: pathlib.Path) -> None:
    """Lose the shape of matrices, and write nothing for tensors of three dimensions."""
    save_flat(tree, path)
    if any(value.ndim == 3 for value in tree.values()):
        path.write_bytes(b"")


def declared(*expected: Expectation, save: Any = save_flat_or_nothing) -> Format:
    return pickle_format(save=save, accepts="dict", expected_failures={CHECK: list(expected)} if expected else {})


FLAT = changed("matrices are stored as rows")
EMPTY = unreadable("tensors of three dimensions are not written")


def test_result_has_every_verdict_with_its_smallest_example() -> None:
    result = run_check(declared(), CHECK)
    assert [outcome.verdict for outcome in result.outcomes] == [Verdict.CHANGED, Verdict.UNREADABLE]
    assert [{len(leaf.shape) for _, leaf in outcome.counterexample.items} for outcome in result.outcomes] == [{2}, {3}]
    assert (result.verdict, result.counterexample) == (Verdict.CHANGED, result.outcomes[0].counterexample)
    assert all(text in str(result) for text in ("UNREADABLE", repr(result.outcomes[1].counterexample)))


def test_declaration_does_not_cover_a_second_verdict() -> None:
    result = run_check(declared(FLAT), CHECK)
    assert result.failed
    assert result.verdict is Verdict.UNREADABLE, "the worst verdict that is not declared"
    assert {len(leaf.shape) for _, leaf in result.counterexample.items} == {3}
    assert run_check(declared(EMPTY), CHECK).failed


def test_declaration_of_the_only_verdict_passes() -> None:
    assert run_check(declared(FLAT, save=save_flat), CHECK).passed


def test_list_declares_all_its_verdicts_together() -> None:
    result = run_check(declared(FLAT, EMPTY), CHECK)
    assert (result.verdict, result.passed) == (Verdict.CHANGED, True)
    assert [result.expectation_for(outcome.verdict) for outcome in result.outcomes] == [FLAT, EMPTY]


def test_list_without_any_failure_fails() -> None:
    assert run_check(declared(FLAT, EMPTY, save=save_pickle), CHECK).failed


def test_drawn_examples_find_a_second_verdict() -> None:
    """The fixed examples have a few dimensions of few lengths; only drawn ones have more than 60 elements."""

    def save(tree: Any, path: pathlib.Path) -> None:
        save_flat(tree, path)
        if any(value.size > 60 for value in tree.values()):
            raise ValueError("too many elements")

    found = {outcome.verdict for outcome in run_check(declared(save=save), CHECK, examples=60, seed=1).outcomes}
    assert found == {Verdict.CHANGED, Verdict.REFUSED}


def test_outcomes_survive_json_and_old_records_have_one() -> None:
    result = run_check(declared(FLAT, EMPTY), CHECK)
    data = json.loads(json.dumps(result.to_json()))
    assert dataclasses.replace(Result.from_json(data), seconds=result.seconds) == result
    old = {name: value for name, value in data.items() if name not in ("outcomes", "expectations", "blocked_by")}
    read = Result.from_json({**old, "expectation": data["expectations"][0]})
    assert [(outcome.verdict, outcome.detail) for outcome in read.outcomes] == [(Verdict.CHANGED, result.detail)]
    assert read.expectation == FLAT


def test_resolved_expectations_cover_refusals_outside_the_domain() -> None:
    resolved = Resolved((FLAT,), CHECK)
    assert resolved.passes([(Verdict.CHANGED, False), (Verdict.REFUSED, True)])
    assert not resolved.passes([(Verdict.CHANGED, False), (Verdict.REFUSED, False)])
    assert not resolved.passes([(Verdict.REFUSED, True)]), "the declared failure did not occur"


def test_error_of_the_plugin_is_the_result_of_one_check(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = judging.run_example

    def fails_for_bool(context: Any, spec: Any, *arguments: Any, **options: Any) -> Any:
        if "bool" in repr(spec):
            raise AttributeError("'NoneType' object has no attribute 'shape'")
        return usual(context, spec, *arguments, **options)

    monkeypatch.setattr(judging, "run_example", fails_for_bool)
    format = pickle_format(expected_failures={"dtype/bool": refused("the file has no place for bool")})
    results = {result.check: result for result in check_format(format, select=["dtype/bool", "dtype/int8"], examples=0)}
    assert results["dtype/int8"].passed
    failed = results["dtype/bool"]
    assert (failed.verdict, failed.failed) == (Verdict.ERROR, True)
    for text in (
        "AttributeError: 'NoneType' object has no attribute 'shape'",
        "this is a bug in pytest-ckpt; please report it",
        "Traceback",
    ):
        assert text in str(failed)


def test_interrupt_inside_a_check_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "run_example", lambda *_, **__: raise_error(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run_check(pickle_format(), "dtype/bool")


def test_error_of_the_format_is_no_error_of_the_plugin() -> None:
    result = run_check(pickle_format(load=lambda path: load_pickle(path).missing), "dtype/bool")
    assert result.verdict is Verdict.UNREADABLE


def test_error_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="ERROR cannot be expected"):
        Expectation(Verdict.ERROR, "it fails now and then")
