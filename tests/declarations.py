"""Compare the results of built-in formats with their declarations, more strictly than a run does.

A run accepts a pattern of `expected_failures` if one of its checks fails. A built-in format has to declare what a survey finds: every
check under a pattern has to fail as declared.
"""

from __future__ import annotations

from collections.abc import Iterable

from pytest_ckpt import Result, Verdict


def disagreements(results: Iterable[Result]) -> list[str]:
    """Return the text of every result that does not match its declaration, or that needs none."""
    return [str(result) for result in results if result.verdict is not None and not _agrees(result)]


def _agrees(result: Result) -> bool:
    expectation = result.expectation
    if expectation is None:
        return result.passed
    assert result.verdict is not None
    needed = result.verdict is not Verdict.KEPT and not (result.outside and result.verdict is Verdict.REFUSED)
    return expectation.allows(result.verdict) and (needed or expectation.flaky)
