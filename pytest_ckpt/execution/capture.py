"""Capture what a loader reports besides its return value: Python warnings, log records, and a returned report.

A check of `mismatch` is met when a file that does not match is reported. Reported means: a warning that is not about deprecated code,
or a log record or a returned report that names the leaf. What is reported for files that match as well does not count.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from ..compare.objects import nodes_in

#: Warnings that say nothing about the loaded values.
_ABOUT_CODE = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning)


class Captured:
    """Everything that was reported during a call."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.records: list[str] = []
        self.report = ""

    def messages(self) -> set[str]:
        """Return the texts without numbers and addresses, which differ from call to call."""
        return {_without_numbers(text) for text in (*self.warnings, *self.records)}

    def add_report(self, report: Any) -> None:
        """Add the texts of a report that the loader returned."""
        self.report = "\n".join(_texts(report))

    def report_names_all(self, leaves: Iterable[str]) -> bool:
        """Return whether the returned report names all these leaves. A list of every leaf says nothing about a mismatch."""
        names = list(leaves)
        return bool(names) and all(_mentions(self.report, name) for name in names)

    def reports(self, leaf: str, usual: Iterable[str] = ()) -> bool:
        """Return whether a mismatch of ``leaf`` was reported. ``usual`` are messages that files that match cause as well."""
        known = set(usual)
        records = [text for text in self.records if _without_numbers(text) not in known]
        return self.warns(known) or any(_mentions(text, leaf) for text in [*records, self.report])

    def warns(self, usual: Iterable[str]) -> bool:
        """Return whether there was a warning that is not one of the ``usual`` messages."""
        known = set(usual)
        return any(_without_numbers(text) not in known for text in self.warnings)


def _texts(report: Any) -> Iterator[str]:
    """Yield every text in a returned object, including keys of dicts and members of sets."""
    for node, children in nodes_in(report, lambda _: False):
        if isinstance(node, str):
            yield node
        elif isinstance(node, set | frozenset):
            yield from map(str, node)
        elif children is not None and children.kind == "mapping":
            yield from map(str, children.items)


def _without_numbers(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+|\d+", "#", text)


def _mentions(text: str, leaf: str) -> bool:
    """Return whether a text contains the name of a leaf, or of its layer: a user who is warned about one tensor looks at the layer."""
    parts = [part for part in re.split(r"[./]", leaf) if part]
    forms = {leaf}
    for names in (parts, parts[:-1]):
        # Libraries show a path joined, as a tuple of keys, or as a chain of keys.
        quoted = [repr(name) for name in names]
        forms.update((".".join(names), "/".join(names), ", ".join(quoted), "".join(f"[{name}]" for name in quoted)))
    return any(form and re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for form in forms - {""})


class _Handler(logging.Handler):
    def __init__(self, captured: Captured) -> None:
        super().__init__(logging.WARNING)
        self.captured = captured

    def emit(self, record: logging.LogRecord) -> None:
        self.captured.records.append(record.getMessage())


@contextlib.contextmanager
def capturing() -> Iterator[Captured]:
    """Capture warnings and log records of WARNING and above. Loggers are restored on exit."""
    captured = Captured()
    handler = _Handler(captured)
    loggers = [logging.getLogger(), *(each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    roots = [each for each in loggers if each.parent is None or not each.propagate]
    for logger in roots:
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield captured
            finally:
                captured.warnings.extend(str(each.message) for each in caught if not issubclass(each.category, _ABOUT_CODE))
    finally:
        for logger in roots:
            logger.removeHandler(handler)
