"""The plugin that `pytest-ckpt run` adds to pytest: the formats that the command line names are what is collected, one item for
each check, and a matrix ends the run."""

from __future__ import annotations

import argparse
import os
import pathlib
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from .items import BoundCheck
from .plugin import SESSION
from .reports.terminal import summary
from .targets import Target

#: The file that pytest is asked to collect; what stands in it are the settings of the run.
SETTINGS = pathlib.Path(__file__).with_name("suite.ini")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ckpt-format", action="append", default=[], help=argparse.SUPPRESS)


def pytest_collect_file(file_path: pathlib.Path, parent: pytest.Collector) -> pytest.Collector | None:
    return Suite.from_parent(parent, path=file_path) if file_path == SETTINGS else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    words = {target.resolve().name: target.arguments() for target in _targets(terminalreporter.config)}
    for line in summary(terminalreporter.config.stash[SESSION].cells, words):
        terminalreporter.write_line(line)


def _targets(config: pytest.Config) -> list[Target]:
    return [Target.from_text(text) for text in config.getoption("ckpt_format")]


class Suite(pytest.File):
    """All formats of the run."""

    def collect(self) -> Iterator[FormatCollector]:
        for target in _targets(self.config):
            name = target.resolve().name
            yield FormatCollector.from_parent(self, name=name, nodeid=name, target=target)


class FormatCollector(pytest.Collector):
    """One format. Its node id is its name, so its checks are called ``torch.save::dtype/bool``."""

    def __init__(self, target: Target, **options: Any) -> None:
        super().__init__(**options)
        self.target = target

    def collect(self) -> Iterator[CheckItem]:
        session = self.config.stash[SESSION]
        for bound in session.bound([self.target.resolve()], None, None, None):
            words = ["pytest-ckpt", "run", *self.target.arguments(), f"--select={bound.check.name}", *session.settings.repeated("--")]
            bound.repeat = shlex.join(words)
            yield CheckItem.from_parent(self, name=bound.check.name, bound=bound)


class CheckItem(pytest.Item):
    """One check of one format."""

    def __init__(self, bound: BoundCheck, **options: Any) -> None:
        super().__init__(**options)
        self.bound = bound

    def runtest(self) -> None:
        self.bound()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """An expected failure is its reason: nobody reads the lines of this package that lead to it, and finding them takes
        longer than the check."""
        if isinstance(excinfo.value, pytest.xfail.Exception):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        return self.path, None, f"{self.bound.runner.format.name} [{self.name}]"
