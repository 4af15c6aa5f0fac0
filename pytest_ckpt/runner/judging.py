"""Run one example of a check and judge it.

Before judging, this runs everything that the verdict depends on: simpler examples that must be restored first, and other checks that
may block this one. Judging itself is a pure function in `verdicts`.
"""

from __future__ import annotations

import pathlib
from collections.abc import Collection

from ..checks import CHECKS, Check, FormatProfile, owning_check
from ..execution.context import Context
from ..execution.dispatch import run_example
from ..expectations import Expectations
from ..specs import Spec
from ..verdicts import ASPECTS, Difference, Judgement, Observation, Verdict, blocks, judge


class ExampleJudge:
    """Runs and judges examples of one format. ``selected`` are the names of the checks of this run, which may block one another."""

    def __init__(self, context: Context, profile: FormatProfile, expectations: Expectations, selected: Collection[str]) -> None:
        self.context = context
        self.format = context.format
        self.profile = profile
        self.expectations = expectations
        self.selected = selected
        self._worst_of_checks: dict[str, dict[str, Verdict]] = {}
        self._unmet_premises: dict[Spec, str | None] = {}

    def judge(self, check: Check, spec: Spec) -> Judgement:
        """Run the premises of a spec, the spec, then its blockers, and return the judgement."""
        if check.premise is not None and self.format.unsupported(spec) is None:
            for simpler in check.premise(spec):
                if reason := self._unmet_premise(simpler):
                    return Judgement(None, skipped=reason)
        observation = self.observe(check, spec)
        blockers = self._run_blockers(check, observation)
        return judge(observation, check.judges, blockers.get, check.allows)

    def observe(self, check: Check, spec: Spec, keep_in: pathlib.Path | None = None) -> Observation:
        """Run a spec, in a worker if the format is isolated or the check is expected to crash."""
        expectation = self.expectations.for_check(check.name).expectation
        crashes = expectation is not None and expectation.verdict is Verdict.CRASHED
        return run_example(self.context, spec, check.size_limit, in_worker=self.format.isolate or crashes, keep_in=keep_in)

    def _run_blockers(self, check: Check, observation: Observation) -> dict[Difference, str]:
        """Run the checks that may block this one, and return the names of those that do, by the blocking difference.

        A difference blocks only if the other check observes one that is at least as bad. A dtype that is lost only for this layout
        is reported by no other check, and neither is a missing tensor where other tensors only change their class.
        """
        found: dict[Difference, str] = {}
        if any(difference.aspect in check.judges for difference in observation.differences):
            return found  # These decide the verdict, so nothing blocks it.
        for difference in observation.differences:
            if not blocks(difference, check.judges):
                continue
            other = owning_check(difference)
            if other is None or other == check.name or other not in self.selected:
                continue
            worst = self._worst_of(other).get(difference.aspect)
            if worst is not None and worst >= difference.verdict:
                found[difference] = other
        return found

    def _worst_of(self, name: str) -> dict[str, Verdict]:
        """Return how bad the differences are that the fixed examples of a check show, by aspect."""
        if name not in self._worst_of_checks:
            check = CHECKS[name]
            worst: dict[str, Verdict] = {}
            for spec in check.examples(self.profile):
                for difference in self.observe(check, spec).differences:
                    if difference.aspect in check.judges:
                        worst[difference.aspect] = max(difference.verdict, worst.get(difference.aspect, Verdict.KEPT))
            self._worst_of_checks[name] = worst
        return self._worst_of_checks[name]

    def _unmet_premise(self, spec: Spec) -> str | None:
        """Return why a simpler spec, which an example builds on, is not restored; None if it is."""
        if spec not in self._unmet_premises:
            observation = run_example(self.context, spec, in_worker=self.format.isolate)
            judgement = judge(observation, ASPECTS, lambda difference: None)
            restored = judgement.verdict in (Verdict.KEPT, Verdict.CONVERTED)
            failure = judgement.skipped or f"{judgement.verdict}: {judgement.detail}"
            self._unmet_premises[spec] = None if restored else f"a simpler example is not restored: {failure} ({spec!r})"
        return self._unmet_premises[spec]
