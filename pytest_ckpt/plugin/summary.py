"""The end of a run: unused patterns fail, failed blockers are added, new counterexamples are written.

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
#: The attribute that holds the results of the checks that block it, as JSON.
BLOCKERS = "ckpt_blockers"
#: The key under which a worker of pytest-xdist sends the entry points that it could not load.
FAILURES = "ckpt_entry_point_failures"
#: The key under which it sends the warnings about declarations.
WARNINGS = "ckpt_warnings"


class Summary:
    """A plugin that collects the results of the session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (text := getattr(report, RESULT, None)) is not None:
            from ..results import Result

            test = report.nodeid.split("[")[0] if "[" in report.nodeid else report.nodeid.rpartition("::")[0]
            self.session.results.append(dataclasses.replace(Result.from_json(json.loads(text)), test=test))
            blockers = (Result.from_json(each) for each in json.loads(getattr(report, BLOCKERS, "[]")))
            self.session.blockers += (dataclasses.replace(each, test=test) for each in blockers)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for failure in getattr(node, "workeroutput", {}).get(FAILURES, ()):
            self.session.add_failure(failure)
        self.session.warnings.update(dict.fromkeys(getattr(node, "workeroutput", {}).get(WARNINGS, ())))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.session.results:
            return
        from ..results import added_results, unused_patterns

        added = added_results(self.session.results, self.session.blockers)
        for failed in (*unused_patterns(self.session.results), *added):
            session.config.hook.pytest_runtest_logreport(report=_failed_report(failed))
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.session.results += added
        if self.session.settings.updates:
            self.session.write_regressions()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        settings = self.session.settings
        lines = seed_lines(settings) if settings.random else []
        if settings.updates and self.session.results:
            lines.append(f"ckpt: {self.session.written} new counterexample(s) written to {settings.regressions}")
        lines += [f"ckpt: warning: {text}" for text in self.session.warnings]
        lines += [f"ckpt: {hint}" for hint in self._hints()]
        lines += [f"ckpt: {failure}" for failure in self.session.unreported_failures()]
        for line in lines:
            terminalreporter.write_line(line)

    def _hints(self) -> list[str]:
        if not self.session.results:
            return []
        from ..runner.hints import shared_errors

        return list(shared_errors(self.session.results))


def seed_lines(settings: Settings) -> list[str]:
    """Return the line that states the seed of the run, or no line if the run uses the default."""
    seed = settings.option_seed
    return [f"ckpt: seed {seed}{f' (random; rerun with --ckpt-seed={seed})' if settings.random else ''}"] if seed is not None else []


def _failed_report(result: Result) -> pytest.TestReport:
    """Return the report of a failed item for a result that no item reports. It belongs to the test that ran the checks."""
    nodeid = f"{result.test}[{result.check}]"
    location = (result.test.split("::")[0], None, nodeid.split("::")[-1])
    return pytest.TestReport(nodeid, location, {}, "failed", str(result), "call", duration=0.0)
