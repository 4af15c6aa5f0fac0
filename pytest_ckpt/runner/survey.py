"""Find out what a format preserves: run every check without expectations, in the domain that is found by trying."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from ..execution.dispatch import run_example
from ..formats.base import DOMAINS, Format
from ..results import Result
from ..specs import DictSpec, Fill, ListSpec, Spec, TensorSpec
from ..verdicts import Verdict
from .format_runner import Runner


def survey(
    format: Format,
    examples: int | None = None,
    seed: int | None = None,
    select: str | Iterable[str] = "all",
    progress: Callable[[int, int, Result], None] | None = None,
) -> tuple[str | None, list[Result]]:
    """Return the domain of the format (None if it saves only models), and the results of the checks in it.

    ``select`` are the checks, by default all. ``progress`` is called after each check with its number, the number of checks, and the
    result. The format's own ``accepts`` and ``expected_failures`` are ignored.
    """
    accepts = find_domain(format)
    results = []
    with Runner(dataclasses.replace(format, accepts=accepts, expected_failures={}), select, examples, seed, shrink=False) as runner:
        for number, check in enumerate(runner.checks, start=1):
            results.append(runner.run(check))
            if progress is not None:
                progress(number, len(runner.checks), results[-1])
    return accepts if format.save is not None else None, results


def find_domain(format: Format) -> str:
    """Return the widest of tree, dict, list and tensor whose simplest example is restored with its values.

    If none is, return the domain that the format declares.
    """
    if format.save is None:
        return format.accepts
    first, second = TensorSpec("float32", (2,), fill=Fill(1)), TensorSpec("float32", (2, 3), fill=Fill(2))
    probes: dict[str, list[Spec]] = {
        "tree": [DictSpec((("a", DictSpec((("b", first),))), ("c", second)))],
        "dict": [DictSpec((("a", first), ("b", second)))],
        "list": [ListSpec((first, second)), ListSpec((first,))],
        "tensor": [first, second],
    }
    with Runner(dataclasses.replace(format, expected_failures={}), "all", 0) as runner:
        for domain in reversed(DOMAINS):
            observations = [run_example(runner.context, spec, in_worker=format.isolate) for spec in probes[domain]]
            if all(
                each.refused is each.unreadable is each.crashed is each.skipped is None
                and all(difference.verdict < Verdict.CHANGED for difference in each.differences)
                for each in observations
            ):
                return domain
    return format.accepts
