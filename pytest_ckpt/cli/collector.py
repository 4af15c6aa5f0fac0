"""The pytest plugin of `pytest-ckpt run`: it collects one item for each check of each format, and prints the table at the end."""

from __future__ import annotations

import argparse
import os
import pathlib
import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ..formats import backend_of
from ..plugin.bound_check import BoundCheck
from ..plugin.session import SESSION
from ..reports.record import recorded, write_record
from ..reports.terminal import summary
from .targets import Target

#: The file that pytest collects. It also holds the settings of the run.
SETTINGS = pathlib.Path(__file__).with_name("collector.ini")

#: The time when the run began.
_START = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ckpt-format", action="append", default=[], help=argparse.SUPPRESS)
    parser.addoption("--ckpt-in-process", action="store_true", help=argparse.SUPPRESS)
    parser.addoption("--ckpt-json", help=argparse.SUPPRESS)


@pytest.hookimpl(trylast=True)  # after the plugin has made its session
def pytest_configure(config: pytest.Config) -> None:
    config.stash[_START] = time.monotonic()
    for target in _targets(config):
        config.stash[SESSION].mark_reported(target.missing)


def pytest_collect_file(file_path: pathlib.Path, parent: pytest.Collector) -> pytest.Collector | None:
    return Run.from_parent(parent, path=file_path) if file_path == SETTINGS else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    targets = [target for target in _targets(config) if not target.missing]
    missing = {target.name: target.missing for target in _targets(config) if target.missing}
    results = config.stash[SESSION].results
    for line in summary(results, {target.resolve().name: target.arguments() for target in targets}, missing):
        terminalreporter.write_line(line)
    if path := config.getoption("ckpt_json"):
        formats = [target.resolve() for target in targets]
        reasons = {name: (backend_of(name), reason) for name, reason in missing.items()}
        select = config.getoption("ckpt_select") or ()
        record = recorded(results, formats, reasons, select, time.monotonic() - config.stash[_START])
        write_record(record, config.invocation_params.dir / path)


def _targets(config: pytest.Config) -> list[Target]:
    return [Target.from_text(text) for text in config.getoption("ckpt_format")]


class Run(pytest.File):
    """All formats of the run."""

    def collect(self) -> Iterator[FormatCollector | MissingItem]:
        for target in _targets(self.config):
            if target.missing:
                yield MissingItem.from_parent(self, name=target.name, nodeid=target.name, reason=target.missing)
            else:
                name = target.resolve().name
                yield FormatCollector.from_parent(self, name=name, nodeid=name, target=target)


class MissingItem(pytest.Item):
    """A format that cannot run, for example because a package is not installed."""

    def __init__(self, reason: str, **options: Any) -> None:
        super().__init__(**options)
        self.reason = reason

    def runtest(self) -> None:
        pytest.skip(self.reason)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        return self.path, None, self.name


class FormatCollector(pytest.Collector):
    """One format. Its node id is its name, so the node ids of its checks are like ``torch.save::dtype/bool``."""

    def __init__(self, target: Target, **options: Any) -> None:
        super().__init__(**options)
        self.target = target

    def collect(self) -> Iterator[CheckItem]:
        session, format = self.config.stash[SESSION], self.target.resolve()
        if not self.config.getoption("ckpt_in_process"):
            # Each format gets its own worker process: it may crash, and its side effects do not
            # reach the next format.
            format = format.isolated()
        for bound in session.bind_checks([format], None, None, None):
            options = [f"--select={bound.check.name}", *session.settings.draw_options("--")]
            bound.rerun = shlex.join(["pytest-ckpt", "run", *self.target.arguments(), *options])
            yield CheckItem.from_parent(self, name=bound.check.name, bound=bound)


class CheckItem(pytest.Item):
    """One check of one format."""

    def __init__(self, bound: BoundCheck, **options: Any) -> None:
        super().__init__(**options)
        self.bound = bound

    def runtest(self) -> None:
        self.bound()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the reason of an expected failure without a traceback, which would take longer to build than the check runs."""
        if isinstance(excinfo.value, pytest.xfail.Exception):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        return self.path, None, f"{self.bound.runner.format.name} [{self.name}]"
