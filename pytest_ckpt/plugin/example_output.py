"""Show what a failing example printed, logged and warned about, and not the output of all examples of the check."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from ..execution.user_code import showing_warnings
from ..specs import Spec

#: The number of characters that are kept of the output of one example.
_LIMIT = 20_000


@dataclasses.dataclass
class _Output:
    """What one example wrote."""

    out: str = ""
    err: str = ""
    records: list[logging.LogRecord] = dataclasses.field(default_factory=list)
    warnings: list[warnings.WarningMessage] = dataclasses.field(default_factory=list)


class ExampleOutput:
    """Takes the output of each example out of the output of the test, and puts that of one example back.

    What pytest does not capture, as with the option -s, is printed at once and stays.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._capture: Any = config.pluginmanager.getplugin("capturemanager")
        self._logging: Any = getattr(config.pluginmanager.getplugin("logging-plugin"), "report_handler", None)
        self._by_example: dict[Spec, _Output] = {}

    @contextlib.contextmanager
    def collect(self) -> Iterator[None]:
        """Remove the output of a check from that of the test. What the test wrote before stays."""
        before = self._take()
        try:
            with warnings.catch_warnings(record=True):
                yield
        finally:
            self._take()
            self._put(before)

    @contextlib.contextmanager
    def of(self, spec: Spec) -> Iterator[None]:
        """Collect what is written inside as the output of one example."""
        self._take()
        # Entering this block also makes Python forget which warnings it has shown.
        with showing_warnings(), warnings.catch_warnings(record=True) as caught:
            yield
        found = self._take()
        found.warnings = list(caught)
        if found.out or found.err or found.records or found.warnings:
            self._by_example[spec] = found

    def show(self, spec: Spec | None) -> None:
        """Put back the output of one example. With None, put back only the warnings of all examples, one for each line of code."""
        if spec is not None:
            shown = self._by_example.get(spec, _Output())
        else:
            places = {(each.category, each.filename, each.lineno): each for output in self._by_example.values() for each in output.warnings}
            shown = _Output(warnings=list(places.values()))
        self._put(shown)
        for each in shown.warnings:
            # The user's functions did not raise, so a filter that turns warnings into errors must not end the check here.
            with contextlib.suppress(each.category):
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno, source=each.source)

    def _take(self) -> _Output:
        """Return what was written since the last call, and remove it from what pytest shows."""
        out, err = ("", "") if self._capture is None or not self._capture.is_globally_capturing() else self._capture.read_global_capture()
        records = []
        if self._logging is not None:
            records = list(self._logging.records)
            self._logging.reset()
        return _Output(_shortened(out), _shortened(err), records)

    def _put(self, output: _Output) -> None:
        sys.stdout.write(output.out)
        sys.stderr.write(output.err)
        if self._logging is not None:
            for record in output.records:
                self._logging.handle(record)


def _shortened(text: str) -> str:
    return text if len(text) <= _LIMIT else f"{text[: _LIMIT // 2]}\n[…]\n{text[-_LIMIT // 2 :]}"
