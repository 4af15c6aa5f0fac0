"""What a test gets as ``check``: a check bound to a format, which runs when it is called and speaks pytest's language."""

from __future__ import annotations

import pytest

from ..checks import Check
from ..results import Result
from ..runner import Runner
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
            raise CheckFailed(f"{result}\nrerun: {self.repeat}" if self.repeat else str(result), pytrace=False)  # type: ignore[call-arg]
        if result.verdict is not Verdict.KEPT:
            why = result.expectation.why if result.expectation else f"outside what the format accepts ({self.runner.format.accepts})"
            pytest.xfail(f"{result.verdict}: {why}")
        return result
