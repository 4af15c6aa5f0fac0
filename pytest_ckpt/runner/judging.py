"""Run one example of a check and judge it.

Before judging, this runs everything that the verdict depends on: simpler examples that must be restored first, and other checks that
may block this one. It does not know which checks are selected. Judging itself is a pure function in `verdicts`.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib

from ..checks import CHECKS, Check, FormatProfile, owning_check
from ..execution.context import Context
from ..execution.dispatch import run_example
from ..expectations import Expectations
from ..specs import Spec
from ..verdicts import ASPECTS, Difference, Judgement, Observation, Verdict, blocks, judge
from .reporters import checks_of_format, reporters


class ExampleJudge:
    """Runs and judges examples of one format."""

    def __init__(self, context: Context, profile: FormatProfile, expectations: Expectations) -> None:
        self.context = context
        self.format = context.format
        self.profile = profile
        self.expectations = expectations
        self._observed_examples: dict[str, list[Observation]] = {}
        self._unmet_premises: dict[Spec, Judgement | None] = {}
        #: By the name of a check in `Check.reported_by`: the worst verdict of its fixed examples.
        self._reported: dict[str, Verdict] = {}

    @functools.cached_property
    def checks(self) -> frozenset[str]:
        """The names of all checks that the format can have, whatever is selected."""
        return frozenset(check.name for check in checks_of_format(self.format))

    def judge(self, check: Check, spec: Spec) -> Judgement:
        """Run the premises of a spec, the spec, then its blockers, and return the judgement."""
        if check.premise is not None and self.format.unsupported(spec) is None:
            for simpler in check.premise(spec):
                if (unmet := self._unmet_premise(simpler)) is not None:
                    return unmet
        observation = self.observe(check, spec)
        if observation.unmet is not None and (unmet := self._unmet_premise(observation.unmet)) is not None:
            return unmet
        blockers = self._run_blockers(check, observation)
        judgement = judge(observation, check.judges, blockers.get, check.allows)
        if observation.refused or observation.unreadable or observation.crashed:
            return self._unless_reported(check, judgement)
        return judgement

    def observe(self, check: Check, spec: Spec, keep_in: pathlib.Path | None = None) -> Observation:
        """Run a spec, in a worker if the format is isolated or the check is expected to crash."""
        crashes = any(each.verdict is Verdict.CRASHED for each in self.expectations.for_check(check.name).expectations)
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
            if other is None or other == check.name or other not in self.checks:
                continue
            seen = [each for one in self._observe_examples(other) for each in one.differences]
            if any(each.aspect == difference.aspect in CHECKS[other].judges and each.verdict >= difference.verdict for each in seen):
                found[difference] = other
        return found

    def _observe_examples(self, name: str) -> list[Observation]:
        """Return what the fixed examples of a check show, without their premises and blockers."""
        if name not in self._observed_examples:
            check = CHECKS[name]
            self._observed_examples[name] = [self.observe(check, spec) for spec in check.examples(self.profile)]
        return self._observed_examples[name]

    def _unless_reported(self, check: Check, judgement: Judgement) -> Judgement:
        """Return a judgement, or a skip if the check that reports such objects gets a verdict that is at least as bad."""
        name = check.reported_by
        if name not in self.checks or judgement.verdict is None:
            return judgement
        if name not in self._reported:
            found = [self.judge(CHECKS[name], spec).verdict for spec in CHECKS[name].examples(self.profile)]
            self._reported[name] = max((each for each in found if each is not None), default=Verdict.KEPT)
        if self._reported[name] < judgement.verdict:
            return judgement
        return Judgement(None, skipped=f"blocked by {name}: {judgement.verdict}: {judgement.detail}", blockers=(name,))

    def _unmet_premise(self, spec: Spec) -> Judgement | None:
        """Return the judgement of an example whose simpler spec is not restored; None if the simpler one is restored.

        It is a skip if another check reports the loss, and otherwise the verdict of the simpler spec, because nothing else reports it.
        """
        if spec not in self._unmet_premises:
            observation = run_example(self.context, spec, in_worker=self.format.isolate)
            # A save that alters what it is given does so in the example itself, too.
            judgement = judge(dataclasses.replace(observation, altered=()), ASPECTS, lambda difference: None)
            restored = judgement.verdict in (Verdict.KEPT, Verdict.CONVERTED)
            self._unmet_premises[spec] = None if restored else self._without_premise(spec, observation, judgement)
        return self._unmet_premises[spec]

    def _without_premise(self, spec: Spec, observation: Observation, judgement: Judgement) -> Judgement:
        if judgement.verdict is None:
            return Judgement(None, skipped=f"a simpler example could not run: {judgement.skipped} ({spec!r})", blockers=judgement.blockers)
        text = f"a simpler example is not restored: {judgement.verdict}: {judgement.detail}"
        for name in reporters(spec, observation, self.profile):
            if name in self.checks and self._is_reported(name, judgement.verdict):
                return Judgement(None, skipped=f"blocked by {name}: {text.splitlines()[0]} ({spec!r})", blockers=(name,))
        return Judgement(judgement.verdict, f"{text}\nthe simpler example: {spec!r}", traceback=judgement.traceback)

    def _is_reported(self, name: str, verdict: Verdict) -> bool:
        """Return whether a fixed example of a check gets a verdict that is at least as bad, and no mere conversion.

        A check that has premises itself cannot report them.
        """
        check = CHECKS[name]
        if check.premise is not None:
            return False
        found = [judge(each, check.judges, lambda difference: None).verdict for each in self._observe_examples(name)]
        return any(each is not None and each is not Verdict.CONVERTED and each >= verdict for each in found)
