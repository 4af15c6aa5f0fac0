"""What a loader says beside what it returns: Python warnings, log records, and a report that it hands back.

`mismatch` is kept where a file that does not fit is reported; this module knows what counts as having said so: a warning that is
not about code that will go, or a log record or returned report that names the leaf. What is said of every file does not count.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from ..compare.objects import nodes_in

#: Warnings that say nothing of what is loaded.
_ABOUT_CODE = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning)


class Captured:
    """Everything that was said while this was listening."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.records: list[str] = []
        self.report = ""

    def said(self) -> set[str]:
        """The texts, with the numbers and addresses in them left out: they are others each time."""
        return {_plain(text) for text in (*self.warnings, *self.records)}

    def returned(self, report: Any) -> None:
        """Notes a report that the loader handed back: the texts in it."""
        self.report = "\n".join(_texts(report))

    def lists(self, leaves: Iterable[str]) -> bool:
        """Whether the report that was returned names all of these: a list of everything there is says nothing of what does not fit."""
        names = list(leaves)
        return bool(names) and all(_mentions(self.report, name) for name in names)

    def names(self, leaf: str, unsurprising: Iterable[str] = ()) -> bool:
        """Whether it was said that a leaf does not fit. What is said of files that fit as well (``unsurprising``) does not count."""
        known = set(unsurprising)
        records = [text for text in self.records if _plain(text) not in known]
        return self.surprise(known) or any(_mentions(text, leaf) for text in [*records, self.report])

    def surprise(self, unsurprising: Iterable[str]) -> bool:
        """Whether a warning was given that is not given of files that fit."""
        known = set(unsurprising)
        return any(_plain(text) not in known for text in self.warnings)


def _texts(report: Any) -> Iterator[str]:
    """Every text in what was returned, keys of dicts and members of sets included."""
    for node, held in nodes_in(report, lambda _: False):
        if isinstance(node, str):
            yield node
        elif isinstance(node, set | frozenset):
            yield from map(str, node)
        elif held is not None and held.kind == "mapping":
            yield from map(str, held.items)


def _plain(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+|\d+", "#", text)


def _mentions(text: str, leaf: str) -> bool:
    """Whether the name of a leaf, or that of its layer, stands in a text: who is told of one tensor of a layer looks at them all."""
    parts = [part for part in re.split(r"[./]", leaf) if part]
    ways = {leaf}
    for names in (parts, parts[:-1]):
        # Joined, or as a tuple of keys or a chain of them: how libraries show paths.
        shown = [repr(name) for name in names]
        ways.update((".".join(names), "/".join(names), ", ".join(shown), "".join(f"[{name}]" for name in shown)))
    return any(way and re.search(rf"(?<!\w){re.escape(way)}(?!\w)", text) for way in ways - {""})


class _Handler(logging.Handler):
    def __init__(self, heard: Captured) -> None:
        super().__init__(logging.WARNING)
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.records.append(record.getMessage())


@contextlib.contextmanager
def capturing() -> Iterator[Captured]:
    """Listens to warnings and to log records of WARNING and above while it is held; loggers are left as they were."""
    heard = Captured()
    handler = _Handler(heard)
    loggers = [logging.getLogger(), *(each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    deaf = [each for each in loggers if each.parent is None or not each.propagate]
    for logger in deaf:
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield heard
            finally:
                heard.warnings.extend(str(each.message) for each in caught if not issubclass(each.category, _ABOUT_CODE))
    finally:
        for logger in deaf:
            logger.removeHandler(handler)
