"""Reduce the judgements of all examples of a check to its outcomes: each verdict once, with its smallest example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..checks import Check
from ..formats.base import Format
from ..results import Outcome
from ..specs import Spec, effort
from ..verdicts import Judgement, Verdict

#: The judgements of each spec: that of its first run, then those of its repetitions.
Judgements = Mapping[Spec, Sequence[Judgement]]


def outcomes_of(format: Format, check: Check, judgements: Judgements) -> tuple[Outcome, ...]:
    """Return the outcomes, the worst first.

    An example in the domain of the format is preferred to a smaller one outside. Refusing what is outside the domain counts only if
    there is no other verdict, KEPT included.
    """
    smallest: dict[Verdict, tuple[bool, Spec, Judgement]] = {}
    for spec, runs in judgements.items():
        outside = not format.in_domain(spec)
        for judgement in runs:
            if judgement.verdict is None:
                continue
            before = smallest.get(judgement.verdict)
            if before is None or (outside, effort(spec)) < (before[0], effort(before[1])):
                smallest[judgement.verdict] = (outside, spec, judgement)
    refused = smallest.get(Verdict.REFUSED)
    if refused is not None and refused[0] and len(smallest) > 1:
        del smallest[Verdict.REFUSED]
    smallest.pop(Verdict.KEPT, None)
    outcomes = []
    for verdict, (outside, spec, judgement) in sorted(smallest.items(), reverse=True):
        detail = judgement.detail + _flakiness(verdict, judgements[spec]) + _share(check, verdict, judgements)
        flaky = any(run.verdict is not verdict for run in judgements[spec])
        outcomes.append(Outcome(verdict, spec, detail.strip(), outside, judgement.traceback, flaky))
    return tuple(outcomes)


def _flakiness(verdict: Verdict, runs: Sequence[Judgement]) -> str:
    """Return how many runs of the same example got the verdict, if not all did."""
    same = sum(judgement.verdict is verdict for judgement in runs)
    return "" if same == len(runs) else f"\nflaky: {same} of {len(runs)} runs of this example got {verdict}"


def _share(check: Check, verdict: Verdict, judgements: Judgements) -> str:
    """Return how many of the examples got the verdict, if the check reports that."""
    if not check.share_of:
        return ""
    judged = [runs[0].verdict for runs in judgements.values() if runs[0].verdict is not None]
    silent = ": load returned other values without an error" if verdict is Verdict.CHANGED else ""
    return f"\n{judged.count(verdict)} of {len(judged)} {check.share_of} got {verdict}{silent}"
