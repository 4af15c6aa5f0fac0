"""Find out what a format preserves: run every check without expectations, in the domain that is found by trying."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..checks import Check
from ..formats.base import Format
from ..results import Outcome, Result
from ..util.tempdirs import temporary_folder
from ..verdicts import Verdict
from ..workers import Workers
from .format_runner import Runner

#: How often a racy check runs: at least twice, and at most so often.
MOST_RUNS = 20
#: Seconds after which no further run begins: if every run was KEPT, and if one failed. Races that fail have several verdicts.
_SECONDS_KEPT, _SECONDS_FAILED = 8.0, 30.0


def without_declarations(format: Format, domain: Mapping[str, Any] | None = None) -> Format:
    """Return a format without expected failures, whose checks run in workers. ``domain`` holds the fields that `find_domain` found."""
    limits = dict.fromkeys(("dtypes", "shapes", "keys")) if domain else {}
    return dataclasses.replace(format.isolated(), **{**limits, **(domain or {})}, expected_failures={})


class Survey:
    """Runs checks of a format, racy ones several times. A context manager, as `Runner` is, with the same arguments."""

    def __init__(
        self,
        format: Format,
        select: str | Iterable[str] | None = "all",
        examples: int | None = None,
        seed: int | None = None,
        folder: pathlib.Path | None = None,
    ) -> None:
        self._format, self._select, self._examples, self._seed = format, select, examples, seed
        self._folder = folder
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Survey:
        self._folder = self._stack.enter_context(temporary_folder(self._folder))
        self._workers = self._stack.enter_context(Workers(self._folder / "workers"))
        self._runner = self._stack.enter_context(self._new_runner())
        self.checks = self._runner.checks
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def blockers_of(self, result: Result) -> list[Result]:
        """Return the results of the checks that block a check, selected or not."""
        return self._runner.blockers_of([result])

    def run(self, check: Check) -> Result:
        """Return the result of a check. For a racy one, it has every verdict that any of its runs got."""
        start = time.monotonic()
        results = [self._runner.run(check)]
        while check.racy and results[-1].verdict not in (None, Verdict.ERROR) and len(results) < MOST_RUNS:
            limit = _SECONDS_KEPT if all(each.verdict is Verdict.KEPT for each in results) else _SECONDS_FAILED
            if len(results) > 1 and time.monotonic() - start > limit:
                break
            with self._new_runner() as fresh:  # A runner records a save once, and uses the record in all of its runs.
                results.append(fresh.run(check))
        return merged(results)

    def _new_runner(self) -> Runner:
        places: dict[str, Any] = {"folder": self._folder, "workers": self._workers}
        return Runner(self._format, self._select, self._examples, self._seed, shrink=False, **places)


def merged(runs: Sequence[Result]) -> Result:
    """Return one result of several runs of one check: each verdict, flaky if not every run got it, the worst first."""
    judged = [each for each in runs if each.verdict is not None] or list(runs[:1])
    if len(judged) == 1:
        return judged[0]
    found: dict[Verdict, list[Outcome]] = {}
    for outcome in (outcome for each in judged for outcome in each.outcomes):
        found.setdefault(outcome.verdict, []).append(outcome)
    outcomes = []
    for verdict, same in sorted(found.items(), reverse=True):
        outcome, flaky = same[0], len(same) < len(judged) or any(each.flaky for each in same)
        share = f"\nflaky: {len(same)} of {len(judged)} runs of this check got {verdict}" if len(same) < len(judged) else ""
        outcomes.append(dataclasses.replace(outcome, detail=outcome.detail + share, flaky=flaky))
    seconds, passed = sum(each.seconds for each in judged), all(each.passed for each in judged)
    first = judged[0]
    if outcomes:
        fields = ("verdict", "counterexample", "detail", "outside")
        first = dataclasses.replace(first, **{name: getattr(outcomes[0], name) for name in fields})
    return dataclasses.replace(first, outcomes=tuple(outcomes), seconds=seconds, passed=passed)
