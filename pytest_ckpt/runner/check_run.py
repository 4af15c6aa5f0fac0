"""Run one check: its known, fixed and drawn examples, the smallest counterexample, and the result."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pathlib
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from ..checks import Check, FormatProfile, checks_for
from ..execution.dispatch import expand
from ..expectations import Resolved
from ..formats.base import Format
from ..results import Outcome, Result, headline
from ..specs import Scenario, Spec, effort
from ..verdicts import Judgement, Verdict
from .internal_error import error_judgement
from .judging import ExampleJudge
from .outcomes import outcomes_of

#: Examples that are drawn for a check in addition to the fixed ones, unless a run says otherwise.
EXAMPLES = 15
#: Seconds for drawing examples, and seconds for shrinking the worst. The fixed examples are always run. Shrinking usually ends long
#: before, since it tries a limited number of examples; a limit that is reached makes the result depend on the speed of the machine.
EXPLORE_SECONDS = 1.0
SHRINK_SECONDS = 10.0
#: How often a counterexample is repeated, to recognize a flaky format.
REPEATS = 2
#: Returns a context manager in which one example runs.
Around = Callable[[Spec], contextlib.AbstractContextManager[Any]]


class CheckRun:
    """The run of one check on one format. It runs each spec once, and keeps the judgements."""

    def __init__(self, judge: ExampleJudge, check: Check, examples: int, seed: int, around: Around = contextlib.nullcontext) -> None:
        self._judge = judge
        self._context = judge.context
        self.check = check
        self.examples = examples
        self._seed = zlib.crc32(f"{seed} {check.name}".encode())
        #: The judgements of each spec: that of its first run, then those of its repetitions.
        self.judgements: dict[Spec, list[Judgement]] = {}
        self._around = around
        self._expected = judge.expectations.for_check(check.name)
        self._cut = False
        self._timeouts_before = self._context.timeouts

    def run(self, known: Iterable[Spec], shrink: bool, keep_files: pathlib.Path | None) -> Result:
        """Run ``known`` counterexamples, then all examples of the check, and return the result.

        ``keep_files`` is the folder to which the files of a counterexample are copied.
        """
        start = time.perf_counter()
        for spec in known:
            self.visit(spec)
        for spec in itertools.chain.from_iterable(expand(self._context, each) for each in self.check.examples(self._judge.profile)):
            self.visit(spec)
            if self._context.hopeless:
                break
        # A timeout takes as long as the time limit, and a new worker some seconds, so after one no more examples are run than necessary.
        if not self._timed_out() and not self._context.hopeless:
            self._explore()
            if not self._timed_out():
                if shrink:
                    self._shrink()
                self._repeat()
        result = self._conclude()
        if result.failed and keep_files is not None and isinstance(result.counterexample, Scenario):
            result = self._with_files(result, result.counterexample, keep_files)
        return dataclasses.replace(result, seconds=time.perf_counter() - start)

    def visit(self, spec: Spec) -> Judgement:
        """Run a spec, unless it was run before, and return its judgement."""
        if spec not in self.judgements:
            with self._around(spec):
                self.judgements[spec] = [self._judge_once(spec)]
        return self.judgements[spec][0]

    def _judge_once(self, spec: Spec) -> Judgement:
        try:
            return self._judge.judge(self.check, spec)
        except Exception as error:
            return error_judgement(error)

    def _timed_out(self) -> bool:
        return self._context.timeouts > self._timeouts_before

    def _explore(self) -> None:
        can_be_built = any(runs[0].verdict is not None for runs in self.judgements.values())
        if self.check.explore is None or not can_be_built:
            return
        from .exploration import explore

        with self._context.settings():
            strategy = self.check.explore(self._judge.profile)
            self._cut = not explore(strategy, self.visit, count=self.examples, seed=self._seed, seconds=EXPLORE_SECONDS)

    def _shrink(self) -> None:
        """Look for a smaller example of each outcome that is not as expected, the worst first, all within one time limit."""
        if self.check.explore is None:
            return
        from .exploration import shrink

        end = time.monotonic() + SHRINK_SECONDS
        for outcome in self.outcomes():
            if self._expected.covers(outcome.verdict, outcome.outside):
                continue

            def is_bad(spec: Spec, wanted: Outcome = outcome) -> bool:
                inside_enough = wanted.outside or self._judge.format.in_domain(spec)
                return inside_enough and self.visit(spec).verdict is wanted.verdict

            with self._context.settings():
                strategy, count = self.check.explore(self._judge.profile), max(self.examples, EXAMPLES)
                shrink(strategy, is_bad, count=count, seed=self._seed, seconds=max(0.0, end - time.monotonic()))

    def _repeat(self) -> None:
        """Run the counterexamples again, to see whether they always get their verdicts."""
        for spec in dict.fromkeys(outcome.counterexample for outcome in self.outcomes()):
            if spec is not None:
                self.judgements[spec] += [self._judge_once(spec) for _ in range(REPEATS)]

    def outcomes(self) -> tuple[Outcome, ...]:
        """Return the outcomes of everything that was run so far."""
        return outcomes_of(self._judge.format, self.check, self.judgements)

    def common_fields(self) -> dict[str, Any]:
        """Return the fields of the result that do not depend on its verdict."""
        format, check, expected = self._judge.format, self.check, self._expected
        blockers = (name for runs in self.judgements.values() for judgement in runs for name in judgement.blockers)
        return {
            "format": format.name, "backend": format.backend, "check": check.name, "expectations": expected.expectations,
            "examples": len(self.judgements), "summary": check.statement, "blocked_by": tuple(dict.fromkeys(blockers)),
            "key": expected.key, "pattern_size": self._pattern_size(expected),
        }  # fmt: skip

    def _conclude(self) -> Result:
        """Return the result of everything that was run so far."""
        format, expected, common = self._judge.format, self._expected, self.common_fields()
        first_runs = [runs[0] for runs in self.judgements.values()]
        skips = [each.skipped for each in first_runs if each.skipped]
        kept = [spec for spec, runs in self.judgements.items() if runs[0].verdict is Verdict.KEPT]
        outcomes = self.outcomes()
        shown = headline(outcomes, lambda each: expected.covers(each.verdict, each.outside))
        if shown is None and not kept:
            profile = _describe(format, self._judge.profile)
            reason = skips[0] if skips else f"this check has no example for a format that {profile}"
            return Result(verdict=None, passed=False, skipped=reason, **common)
        if shown is not None:
            detail, limitation = shown.detail, ""
        else:
            smallest = self.judgements[min(kept, key=effort)][0]
            detail, limitation = smallest.detail, smallest.limitation
            if skips:
                detail = f"{len(skips)} of {len(first_runs)} examples were skipped: {skips[0]}"
        if self._cut:
            detail += f"\nno more examples were drawn after {len(first_runs)}: the time limit was reached"
        return Result(
            verdict=Verdict.KEPT if shown is None else shown.verdict,
            passed=expected.passes((each.verdict, each.outside) for each in outcomes),
            counterexample=None if shown is None else shown.counterexample,
            detail=detail.strip(),
            outside=shown is not None and shown.outside,
            limitation=limitation,
            outcomes=outcomes,
            traceback="" if shown is None else shown.traceback,
            **common,
        )

    def _pattern_size(self, expected: Resolved) -> int:
        """Return the number of checks that the pattern which applies covers, or 0 if no pattern applies."""
        if not expected.is_pattern or expected.key is None:
            return 0
        names = (each.name for each in checks_for(self._judge.format.backend))
        return len(self._judge.expectations.checks_under(expected.key, names))

    def _with_files(self, result: Result, spec: Scenario, folder: pathlib.Path) -> Result:
        """Run the counterexample once more, and copy its files for inspection."""
        place = _new_name(folder / result.format / self.check.family, self.check.case)
        self._judge.observe(self.check, spec, keep_in=place)
        return dataclasses.replace(result, detail=f"{result.detail}\nfiles: {place}") if place.exists() else result


def _new_name(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Return a path in the folder that does not exist yet."""
    return next(place for number in itertools.count() if not (place := folder / (f"{name}-{number}" if number else name)).exists())


def _describe(format: Format, profile: FormatProfile) -> str:
    """Describe what a format accepts, as the reason why a check has no example for it."""
    accepts = [f"has {format.domain}"] if format.save is not None else []
    models = {"into": "loads a model into a clone", "whole": "loads whole models", "state": "has no functions for models"}
    template = [] if profile.template else ["has no template"]
    partial = [] if profile.loads_parts else ["has no load_partial"]
    return ", ".join([*accepts, models[profile.model_loading], *template, *partial])
