"""The ``check`` that a test receives: one check of one format, which reports its result as pytest does."""

from __future__ import annotations

import pytest

from ..checks import Check
from ..results import Result
from ..runner import Runner
from ..verdicts import Verdict


class CheckFailed(pytest.fail.Exception, AssertionError):  # type: ignore[name-defined, misc]
    """A check got a verdict that was not expected. The message is complete, so it is shown without a traceback."""


# pytest's summary line begins with the module's name, which would leave no room for the message.
CheckFailed.__module__ = "builtins"


class BoundCheck:
    """One check of one format; call it to run the check.

    The call returns the `Result` if the verdict is KEPT. It raises `CheckFailed` if the verdict is
    not the expected one. Otherwise it ends the test as an expected failure or a skip, with the reason.
    """

    def __init__(self, runner: Runner, check: Check) -> None:
        self.runner = runner
        self.check = check
        self.result: Result | None = None
        #: The command that runs this check again.
        self.rerun = ""

    def __repr__(self) -> str:
        return f"<check {self.check.name} of {self.runner.format.name}>"

    def __call__(self) -> Result:
        __tracebackhide__ = True
        self.result = result = self.runner.run(self.check)
        if result.skipped is not None:
            pytest.skip(result.skipped)
        if not result.passed:
            raise CheckFailed(f"{result}\nrerun: {self.rerun}" if self.rerun else str(result), pytrace=False)  # type: ignore[call-arg]
        if result.verdict is not Verdict.KEPT:
            accepts = self.runner.format.accepts
            reason = result.expectation.why if result.expectation else f"outside the domain of the format (accepts={accepts!r})"
            pytest.xfail(f"{result.verdict}: {reason}")
        return result
