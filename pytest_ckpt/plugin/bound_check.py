"""The ``check`` that a test receives: one check of one format, which reports its result as pytest does."""

from __future__ import annotations

import pytest

from ..checks import Check
from ..results import Result
from ..runner import Runner
from ..verdicts import Verdict
from .example_output import ExampleOutput


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
        #: The results of the checks that block this one.
        self.blockers: list[Result] = []
        #: The command that runs this check again.
        self.rerun = ""
        #: Whether a failure shows the traceback of the user's exception, as the option --tb=long requests.
        self.shows_traceback = False
        #: Keeps what the examples print, so that only the output of the example of a failure is shown.
        self.output: ExampleOutput | None = None

    def __repr__(self) -> str:
        return f"<check {self.check.name} of {self.runner.format.name}>"

    def __call__(self) -> Result:
        __tracebackhide__ = True
        self.result = result = self._run()
        self.blockers = self.runner.blockers_of([result])
        if result.skipped is not None:
            pytest.skip(result.skipped)
        if not result.passed:
            raise CheckFailed(self._message(result), pytrace=False)  # type: ignore[call-arg]
        if result.verdict is not Verdict.KEPT:
            reason = result.expectation.why if result.expectation else f"outside the domain of the format ({self.runner.format.domain})"
            pytest.xfail(f"{result.verdict}: {reason}")
        return result

    def _run(self) -> Result:
        if self.output is None:
            return self.runner.run(self.check)
        with self.output.collect():
            result = self.runner.run(self.check, self.output.of)
        self.output.show(result.counterexample)
        return result

    def _message(self, result: Result) -> str:
        lines = [str(result)]
        if self.rerun:
            lines.append(f"rerun: {self.rerun}")
        if result.traceback:
            lines.append(f"\n{result.traceback}" if self.shows_traceback else "traceback: add --tb=long")
        return "\n".join(lines)
