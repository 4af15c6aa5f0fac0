"""What a test gets as ``check``: a check bound to a format, which runs when it is called and speaks pytest's language.

Also how a result travels in a pytest report, from a worker of pytest-xdist to the process that sums up.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

import pytest

from ..checks import Check, checks_for
from ..expectations import Expectation, expectation_for, is_pattern
from ..formats.base import Format
from ..runner import Result, Runner
from ..specs import Spec, from_json, to_json
from ..verdicts import Verdict


class CheckFailed(pytest.fail.Exception, AssertionError):  # type: ignore[name-defined, misc]
    """A verdict that was not declared. Its message is all there is to show; where in the test it was asked says nothing."""


# Its first line stands in pytest's summary, where the name of this module would leave no room for it.
CheckFailed.__module__ = "builtins"


class BoundCheck:
    """One check of one format. Called, it asks: it returns the `Result` if that is kept, fails the test if the verdict is not
    as declared, and otherwise ends it as an expected failure or a skip, with the reason."""

    def __init__(self, runner: Runner, check: Check) -> None:
        self.runner = runner
        self.check = check
        self.result: Result | None = None
        #: The command that asks this again.
        self.repeat = ""

    def __repr__(self) -> str:
        return f"<check {self.check.name} of {self.runner.format.name}>"

    def __call__(self) -> Result:
        __tracebackhide__ = True
        self.result = result = self.runner.run(self.check)
        if result.skipped is not None:
            pytest.skip(result.skipped)
        if not result.passed:
            raise CheckFailed(f"{result}\nrepeat: {self.repeat}" if self.repeat else str(result), pytrace=False)  # type: ignore[call-arg]
        if result.verdict is not Verdict.KEPT:
            why = result.expectation.why if result.expectation else f"outside what the format accepts ({self.runner.format.accepts})"
            pytest.xfail(f"{result.verdict}: {why}")
        return result


@dataclasses.dataclass(frozen=True)
class Cell:
    """A result as it is summed up: one cell of the table of formats and checks.

    ``key`` is the key of ``expected_failures`` that speaks for the check, and ``of`` for how many checks it speaks if it stands
    for several, else 0; ``test`` is the node id of the test function that asked.
    """

    format: str
    backend: str
    check: str
    verdict: Verdict | None
    passed: bool
    seconds: float
    counterexample: Spec | None = None
    detail: str = ""
    skipped: str | None = None
    examples: int = 0
    declared: Expectation | None = None
    key: str | None = None
    of: int = 0
    test: str = ""

    @property
    def failed(self) -> bool:
        return not self.passed and self.verdict is not None

    def to_json(self) -> dict[str, Any]:
        """The cell in what JSON has."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        declared = dataclasses.asdict(self.declared) if self.declared is not None else None
        spec = to_json(self.counterexample)
        return {**fields, "counterexample": spec, "declared": declared, "seconds": round(self.seconds, 4)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Cell:
        """The cell that `to_json` has written."""
        declared = data["declared"] and Expectation(**{**data["declared"], "verdict": Verdict(data["declared"]["verdict"])})
        verdict = data["verdict"] and Verdict(data["verdict"])
        return cls(**{**data, "verdict": verdict, "declared": declared, "counterexample": from_json(data["counterexample"])})

    def text(self) -> str:
        return json.dumps(self.to_json())

    @classmethod
    def from_text(cls, text: str, nodeid: str) -> Cell:
        test = nodeid.split("[")[0] if "[" in nodeid else nodeid.rpartition("::")[0]
        return dataclasses.replace(cls.from_json(json.loads(text)), test=test)


def cell_of(format: Format, result: Result) -> Cell:
    """What is worth reporting of a result."""
    _, key = expectation_for(format.expected_failures, result.check)
    several = key is not None and (is_pattern(key) or "/" not in key)
    declared = format.expected_failures
    under = [check for check in checks_for(format.backend) if expectation_for(declared, check.name)[1] == key] if several else []
    return Cell(
        result.format, result.backend, result.check, result.verdict, result.passed, result.seconds,
        result.counterexample, result.detail, result.skipped, result.examples, result.expectation, key, len(under),
    )  # fmt: skip


def idle_in(cells: Iterable[Cell]) -> list[pytest.TestReport]:
    """A failed report for each pattern of ``expected_failures`` under which all checks were asked and none was not kept."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        if cell.key is not None and cell.of:
            groups.setdefault((cell.format, cell.backend, cell.key), []).append(cell)
    reports = []
    for (format, _, pattern), under in groups.items():
        judged = [cell for cell in under if cell.verdict is not None]
        complete = len({cell.check for cell in under}) == under[0].of
        if complete and judged and all(cell.verdict is Verdict.KEPT for cell in judged):
            text = f"{format}: expected_failures[{pattern!r}] is idle: all {len(judged)} checks under it are kept; take it out"
            name = f"{under[0].test}[{pattern}]"
            file = under[0].test.split("::")[0]
            reports.append(pytest.TestReport(name, (file, None, name.split("::")[-1]), {}, "failed", text, "call", duration=0.0))
    return reports
