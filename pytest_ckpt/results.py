"""The result of one check of one format, from the runner to JSON and back.

Knows specs, verdicts and expectations. It neither runs checks nor judges them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .expectations import Expectation
from .messages import failure_text
from .specs import Spec, from_json, to_json
from .verdicts import Verdict

#: Fields of the JSON that earlier versions wrote under other names.
_OLD_NAMES = {"declared": "expectation", "of": "pattern_size"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One verdict other than KEPT that examples of a check got.

    ``counterexample`` is the smallest spec with this verdict; it is None if the check failed before it ran an
    example. ``detail`` describes the differences. ``outside`` is true if the counterexample is outside the domain of
    the format, so that save may refuse it. ``traceback`` is that of the exception. ``flaky`` is true if not every run of
    the check or of the example had this verdict.
    """

    verdict: Verdict
    counterexample: Spec | None = None
    detail: str = ""
    outside: bool = False
    traceback: str = dataclasses.field(default="", compare=False, repr=False)
    flaky: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as a dict of JSON values, without the traceback."""
        data = {"verdict": self.verdict, "counterexample": to_json(self.counterexample), "detail": self.detail, "outside": self.outside}
        return {**data, "flaky": True} if self.flaky else data


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of one check of one format.

    ``outcomes`` are the verdicts other than KEPT that its examples got, the worst first. ``passed`` is true if each
    of them is as expected, and if a declared failure occurred; a skipped check has not passed. ``expectations`` are
    the entries of ``expected_failures`` that apply.

    ``verdict``, ``counterexample``, ``detail`` and ``outside`` are those of the worst outcome that is not as
    expected. If all are as expected, they are those of the worst. If there is no outcome, the verdict is KEPT. It is
    None if the check could not run; ``skipped`` then gives the reason. ``examples`` is the number of examples that
    ran in ``seconds``. ``detail`` states the cause in its first line, and then
    describes the differences or the exception. ``summary`` is what the check asserts.

    ``key`` is the key of ``expected_failures`` that applies to the check. If that key is a glob or a family,
    ``pattern_size`` is the number of checks that it covers, and otherwise 0. ``test`` is the node id of the test function
    that ran the check, if pytest ran it. ``limitation`` is a limitation of the format that the check showed although
    its verdict is KEPT. ``traceback`` is that of the user's exception; JSON does not contain it.
    """

    format: str
    backend: str
    check: str
    verdict: Verdict | None
    passed: bool
    expectations: tuple[Expectation, ...] = ()
    counterexample: Spec | None = None
    detail: str = ""
    examples: int = 0
    seconds: float = 0.0
    skipped: str | None = None
    outside: bool = False
    summary: str = ""
    key: str | None = None
    pattern_size: int = 0
    test: str = ""
    limitation: str = ""
    outcomes: tuple[Outcome, ...] = ()
    blocked_by: tuple[str, ...] = ()
    traceback: str = dataclasses.field(default="", compare=False, repr=False)

    @property
    def expectation(self) -> Expectation | None:
        """The entry of ``expected_failures`` that allows the verdict; if none does, the first that applies."""
        first = self.expectations[0] if self.expectations else None
        return (self.expectation_for(self.verdict) if self.verdict is not None else None) or first

    def expectation_for(self, verdict: Verdict) -> Expectation | None:
        """Return the entry of ``expected_failures`` that allows ``verdict``, or None."""
        exact = (each for each in self.expectations if each.verdict is verdict)
        return next(exact, next((each for each in self.expectations if each.allows(verdict)), None))

    def is_expected(self, outcome: Outcome) -> bool:
        """Return whether an outcome is declared, or needs no declaration because it is outside the domain."""
        return (outcome.outside and outcome.verdict is Verdict.REFUSED) or self.expectation_for(outcome.verdict) is not None

    @property
    def failed(self) -> bool:
        """Whether the result makes a run fail: it is no skip, and the verdict is not the expected one."""
        return not self.passed and self.skipped is None

    @property
    def family(self) -> str:
        """The family of the check."""
        return self.check.split("/")[0]

    def __str__(self) -> str:
        return failure_text(self)

    def to_json(self) -> dict[str, Any]:
        """Return the result as a dict of JSON values."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "traceback"}
        expectations = [dataclasses.asdict(each) for each in self.expectations]
        outcomes = [each.to_json() for each in self.outcomes]
        more = {"expectations": expectations, "outcomes": outcomes, "seconds": round(self.seconds, 4)}
        return {**fields, "counterexample": to_json(self.counterexample), **more}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Return the result that `to_json` wrote, in this version or an earlier one.

        Fields that are missing get their defaults. Without ``outcomes``, the verdict is the only one. Raises TypeError,
        ValueError or KeyError for other data.
        """
        fields = {_OLD_NAMES.get(name, name): value for name, value in data.items()}
        if (verdict := fields.setdefault("verdict", None)) is not None:
            fields["verdict"] = Verdict(verdict)
        if (expectation := fields.pop("expectation", None)) is not None:
            fields["expectations"] = [expectation]
        fields["expectations"] = tuple(
            Expectation(**{**each, "verdict": Verdict(each["verdict"])}) for each in fields.get("expectations", ())
        )
        fields["counterexample"] = from_json(fields.get("counterexample"))
        outcomes = [
            Outcome(**{**each, "verdict": Verdict(each["verdict"]), "counterexample": from_json(each["counterexample"])})
            for each in fields.pop("outcomes", ())
        ]
        fields["blocked_by"] = tuple(fields.get("blocked_by", ()))
        result = cls(**fields)
        if not outcomes and result.verdict not in (None, Verdict.KEPT):
            outcomes = [Outcome(result.verdict, result.counterexample, result.detail, result.outside)]
        return dataclasses.replace(result, outcomes=tuple(outcomes))


def headline(outcomes: Sequence[Outcome], is_expected: Callable[[Outcome], bool]) -> Outcome | None:
    """Return the outcome that a result shows first: the worst unexpected one, or else the worst one."""
    return max(outcomes, key=lambda each: (not is_expected(each), each.verdict.severity), default=None)


def unused_patterns(results: Iterable[Result]) -> Iterator[Result]:
    """Yield a failed result for each glob and each family in ``expected_failures`` under which no check fails.

    A pattern is judged only if ``results`` contains all checks that it covers and at least one of them has a
    verdict. The results may be those of several formats.
    """
    groups: dict[tuple[str, str, str], dict[str, Result]] = {}
    for result in results:
        if result.key is not None and result.pattern_size:
            groups.setdefault((result.format, result.backend, result.key), {})[result.check] = result
    for (format, backend, pattern), covered in groups.items():
        first = next(iter(covered.values()))
        judged = [result for result in covered.values() if result.verdict is not None]
        if any(each.flaky for each in first.expectations):
            continue
        if len(covered) == first.pattern_size and judged and all(result.verdict is Verdict.KEPT for result in judged):
            detail = f"expected_failures[{pattern!r}]: all {len(judged)} checks that it covers are KEPT; remove the entry"
            yield Result(format, backend, pattern, Verdict.KEPT, False, first.expectations, detail=detail, test=first.test)


#: The name of the result that says that nothing could be judged. It is not a check.
NOTHING_JUDGED = "nothing-judged"


def added_results(results: Sequence[Result], blockers: Iterable[Result]) -> list[Result]:
    """Return the failures to add to the results of the selected checks.

    ``blockers`` are the results of the checks that block some of these, directly or not. A blocker
    that fails and was not selected is added. If no result has a verdict, neither of the selected
    checks nor of their blockers, the run proves nothing and fails.
    """
    known = {(result.format, result.backend, result.check) for result in results}
    found = {(each.format, each.backend, each.check): each for each in blockers}
    added = [each for key, each in found.items() if each.failed and key not in known]
    if results and all(each.verdict is None for each in (*results, *found.values())):
        first = results[0]
        checks = f"none of the {len(results)} selected checks could be judged" if len(results) > 1 else f"{first.check} could not be judged"
        detail = f"{checks}, so this run proves nothing: {first.skipped}"
        added.append(Result(first.format, first.backend, NOTHING_JUDGED, None, False, detail=detail, test=first.test))
    return added
