"""The result of one check of one format, from the runner to JSON and back.

Knows specs, verdicts and expectations. It neither runs checks nor judges them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .expectations import Expectation
from .specs import Spec, from_json, to_json
from .verdicts import Verdict

#: Fields of the JSON that earlier versions wrote under other names.
_OLD_NAMES = {"declared": "expectation", "of": "pattern_size"}


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of one check of one format.

    ``verdict`` is the worst verdict of all examples. It is None if the check could not run; ``skipped`` then gives
    the reason. ``passed`` is true if the verdict is as expected; a skipped check has not passed. ``expectation`` is
    the entry of ``expected_failures`` that applies, if any.

    ``counterexample`` is the smallest spec with that verdict, and ``detail`` describes the differences.
    ``examples`` is the number of examples that ran in ``seconds``. ``outside`` is true if the counterexample is
    outside the domain of the format, so that save may refuse it. ``summary`` is what the check asserts.

    ``key`` is the key of ``expected_failures`` that applies to the check. If that key is a glob or a family,
    ``pattern_size`` is the number of checks that it covers, and otherwise 0. ``test`` is the node id of the test function
    that ran the check, if pytest ran it. ``limitation`` is a limitation of the format that the check showed although
    its verdict is KEPT.
    """

    format: str
    backend: str
    check: str
    verdict: Verdict | None
    passed: bool
    expectation: Expectation | None = None
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

    @property
    def failed(self) -> bool:
        """Whether the check ran and its verdict is not the expected one."""
        return not self.passed and self.verdict is not None

    @property
    def family(self) -> str:
        """The family of the check."""
        return self.check.split("/")[0]

    def __str__(self) -> str:
        lines = [f"{self.format} [{self.check}]: {self.verdict or 'SKIPPED'}"]
        if self.summary:
            lines.append(f"check: {self.summary}")
        if self.expectation is not None:
            lines.append(f"expected: {self.expectation.verdict}{' or milder' * self.expectation.flaky} ({self.expectation.why})")
        elif self.failed and self.outside:
            lines.append("expected: KEPT or REFUSED (outside the domain of the format, and no entry in expected_failures)")
        elif self.failed:
            lines.append("expected: KEPT (no entry in expected_failures)")
        if self.counterexample is not None:
            lines.append(f"counterexample: {self.counterexample!r}")
        if self.skipped:
            lines.append(f"skipped: {self.skipped}")
        if self.detail:
            lines.append(self.detail)
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the result as a dict of JSON values."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        expectation = dataclasses.asdict(self.expectation) if self.expectation is not None else None
        return {**fields, "counterexample": to_json(self.counterexample), "expectation": expectation, "seconds": round(self.seconds, 4)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Return the result that `to_json` wrote, in this version or an earlier one.

        Fields that are missing get their defaults. Raises TypeError, ValueError or KeyError for other data.
        """
        fields = {_OLD_NAMES.get(name, name): value for name, value in data.items()}
        if (verdict := fields.setdefault("verdict", None)) is not None:
            fields["verdict"] = Verdict(verdict)
        if (expectation := fields.get("expectation")) is not None:
            fields["expectation"] = Expectation(**{**expectation, "verdict": Verdict(expectation["verdict"])})
        fields["counterexample"] = from_json(fields.get("counterexample"))
        return cls(**fields)


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
        if len(covered) == first.pattern_size and judged and all(result.verdict is Verdict.KEPT for result in judged):
            detail = f"expected_failures[{pattern!r}]: all {len(judged)} checks that it covers are KEPT; remove the entry"
            yield Result(format, backend, pattern, Verdict.KEPT, False, first.expectation, detail=detail, test=first.test)
