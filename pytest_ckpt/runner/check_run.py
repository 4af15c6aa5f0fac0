"""Run one check: its known, fixed and drawn examples, the smallest counterexample, and the result."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import time
import zlib
from collections.abc import Iterable
from typing import Any

from ..checks import Check, FormatProfile, checks_for
from ..execution.dispatch import expand
from ..expectations import Resolved
from ..formats.base import Format
from ..results import Result
from ..specs import Scenario, Spec, effort
from ..verdicts import Judgement, Verdict
from .judging import ExampleJudge

#: Examples that are drawn for a check in addition to the fixed ones, unless a run says otherwise.
EXAMPLES = 15
#: Seconds for drawing examples, and seconds for shrinking the worst. The fixed examples are always run. Shrinking usually ends long
#: before, since it tries a limited number of examples; a limit that is reached makes the result depend on the speed of the machine.
EXPLORE_SECONDS = 1.0
SHRINK_SECONDS = 10.0
#: How often a counterexample is repeated, to recognize a flaky format.
REPEATS = 2


class CheckRun:
    """The run of one check on one format. It runs each spec once, and keeps the judgements."""

    def __init__(self, judge: ExampleJudge, check: Check, examples: int, seed: int) -> None:
        self._judge = judge
        self._context = judge.context
        self.check = check
        self.examples = examples
        self._seed = zlib.crc32(f"{seed} {check.name}".encode())
        self.judgements: dict[Spec, Judgement] = {}
        self._repetitions: dict[Spec, list[Verdict | None]] = {}
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
                result = self._conclude()
                if shrink and result.failed and result.verdict is not None:
                    self._shrink(result.verdict)
                self._repeat()
        result = self._conclude()
        if result.failed and keep_files is not None and isinstance(result.counterexample, Scenario):
            result = self._with_files(result, result.counterexample, keep_files)
        return dataclasses.replace(result, seconds=time.perf_counter() - start)

    def visit(self, spec: Spec) -> Judgement:
        """Run a spec, unless it was run before, and return its judgement."""
        if spec not in self.judgements:
            self.judgements[spec] = self._judge.judge(self.check, spec)
        return self.judgements[spec]

    def _timed_out(self) -> bool:
        return self._context.timeouts > self._timeouts_before

    def _explore(self) -> None:
        can_be_built = any(judgement.verdict is not None for judgement in self.judgements.values())
        if self.check.explore is None or not can_be_built:
            return
        from .exploration import explore

        with self._context.settings():
            strategy = self.check.explore(self._judge.profile)
            self._cut = not explore(strategy, self.visit, count=self.examples, seed=self._seed, seconds=EXPLORE_SECONDS)

    def _shrink(self, verdict: Verdict) -> None:
        if self.check.explore is None:
            return
        from .exploration import shrink

        def is_bad(spec: Spec) -> bool:
            found = self.visit(spec).verdict
            return found is not None and found >= verdict and self._counts(spec, found)

        with self._context.settings():
            count = max(self.examples, EXAMPLES)
            shrink(self.check.explore(self._judge.profile), is_bad, count=count, seed=self._seed, seconds=SHRINK_SECONDS)

    def _repeat(self) -> None:
        """Run the counterexample again, to see whether it always gets its verdict."""
        worst = self._worst()
        if worst is not None and worst[1].verdict is not Verdict.KEPT:
            self._repetitions[worst[0]] = [self._judge.judge(self.check, worst[0]).verdict for _ in range(REPEATS)]

    def _counts(self, spec: Spec, verdict: Verdict) -> bool:
        """Return whether a verdict counts: refusing what is outside the domain does not."""
        return verdict is not Verdict.REFUSED or self._judge.format.in_domain(spec)

    def _worst(self) -> tuple[Spec, Judgement] | None:
        """Return the smallest spec with the worst verdict. Verdicts that do not count are used only if there are no others."""
        judged = [(spec, judgement) for spec, judgement in self.judgements.items() if judgement.verdict is not None]
        counted = [pair for pair in judged if pair[1].verdict and self._counts(pair[0], pair[1].verdict)]
        if not (pool := counted or judged):
            return None
        top = max(judgement.verdict for _, judgement in pool if judgement.verdict)
        return min((pair for pair in pool if pair[1].verdict is top), key=lambda pair: effort(pair[0]))

    def _conclude(self) -> Result:
        """Return the result of everything that was run so far."""
        format, check = self._judge.format, self.check
        expected = self._judge.expectations.for_check(check.name)
        common: dict[str, Any] = {
            "format": format.name, "backend": format.backend, "check": check.name, "expectation": expected.expectation,
            "examples": len(self.judgements), "summary": check.statement,
            "key": expected.key, "pattern_size": self._pattern_size(expected),
        }  # fmt: skip
        skips = [each.skipped for each in self.judgements.values() if each.skipped]
        worst = self._worst()
        if worst is None:
            profile = _describe(format, self._judge.profile)
            reason = skips[0] if skips else f"this check has no example for a format that {profile}"
            return Result(verdict=None, passed=False, skipped=reason, **common)
        spec, judgement = worst
        assert judgement.verdict is not None
        outside = not format.in_domain(spec)
        kept = judgement.verdict is Verdict.KEPT
        detail = judgement.detail + self._flakiness(spec) + self._share(judgement.verdict)
        if kept and skips:
            detail = f"{len(skips)} of {len(self.judgements)} examples were skipped: {skips[0]}"
        if self._cut:
            detail += f"\nno more examples were drawn after {len(self.judgements)}: the time limit was reached"
        return Result(
            verdict=judgement.verdict,
            passed=expected.allows(judgement.verdict, outside),
            counterexample=None if kept else spec,
            detail=detail.strip(),
            outside=outside,
            limitation=judgement.limitation,
            **common,
        )

    def _pattern_size(self, expected: Resolved) -> int:
        """Return the number of checks that the pattern which applies covers, or 0 if no pattern applies."""
        if not expected.is_pattern or expected.key is None:
            return 0
        names = (each.name for each in checks_for(self._judge.format.backend))
        return len(self._judge.expectations.checks_under(expected.key, names))

    def _share(self, verdict: Verdict) -> str:
        """Return how many of the examples got the verdict, if the check reports that."""
        if not self.check.share_of:
            return ""
        judged = [each.verdict for each in self.judgements.values() if each.verdict is not None]
        silent = ": load returned other values without an error" if verdict is Verdict.CHANGED else ""
        return f"\n{judged.count(verdict)} of {len(judged)} {self.check.share_of} got {verdict}{silent}"

    def _flakiness(self, spec: Spec) -> str:
        verdicts = [self.judgements[spec].verdict, *self._repetitions.get(spec, [])]
        same = verdicts.count(verdicts[0])
        return "" if same == len(verdicts) else f"\nflaky: {same} of {len(verdicts)} runs of this example got {verdicts[0]}"

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
    accepts = [f"accepts {format.accepts!r}"] if format.save is not None else []
    models = {"into": "loads a model into a clone", "whole": "loads whole models", "state": "has no functions for models"}
    template = [] if profile.template else ["has no template"]
    partial = [] if profile.loads_parts else ["has no load_partial"]
    return ", ".join([*accepts, models[profile.model_loading], *template, *partial])
