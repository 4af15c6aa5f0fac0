"""The end of a run: unused patterns fail, new counterexamples are written, and broken entry points are reported.

These hooks run only in the controller of pytest-xdist, or in the only process.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from .session import Session
from .settings import Settings

if TYPE_CHECKING:
    from ..results import Result

#: The attribute of a report that holds the result of its check, as JSON.
RESULT = "ckpt_result"
#: The key under which a worker of pytest-xdist sends the entry points that it could not load.
FAILURES = "ckpt_entry_point_failures"


class Summary:
    """A plugin that collects the results of the session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (text := getattr(report, RESULT, None)) is not None:
            from ..results import Result

            test = report.nodeid.split("[")[0] if "[" in report.nodeid else report.nodeid.rpartition("::")[0]
            self.session.results.append(dataclasses.replace(Result.from_json(json.loads(text)), test=test))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for failure in getattr(node, "workeroutput", {}).get(FAILURES, ()):
            self.session.add_failure(failure)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.session.results:
            return
        from ..results import unused_patterns

        for unused in unused_patterns(self.session.results):
            session.config.hook.pytest_runtest_logreport(report=_failed_report(unused))
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.session.settings.updates:
            self.session.write_regressions()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        settings = self.session.settings
        lines = seed_lines(settings) if settings.random else []
        if settings.updates and self.session.results:
            lines.append(f"ckpt: {self.session.written} new counterexample(s) written to {settings.regressions}")
        lines += [f"ckpt: {failure}" for failure in self.session.unreported_failures()]
        for line in lines:
            terminalreporter.write_line(line)


def seed_lines(settings: Settings) -> list[str]:
    """Return the line that states the seed of the run, or no line if the run uses the default."""
    seed = settings.option_seed
    return [f"ckpt: seed {seed}{f' (random; rerun with --ckpt-seed={seed})' if settings.random else ''}"] if seed is not None else []


def _failed_report(unused: Result) -> pytest.TestReport:
    """Return the report of a failed item for a pattern that no check needs. It belongs to the test that ran the checks."""
    nodeid = f"{unused.test}[{unused.check}]"
    location = (unused.test.split("::")[0], None, nodeid.split("::")[-1])
    return pytest.TestReport(nodeid, location, {}, "failed", str(unused), "call", duration=0.0)
