"""Find out what a format preserves: run every check without expectations, in the domain that is found by trying."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from ..formats.base import Format
from ..results import Result
from .domain_search import find_domain
from .format_runner import Runner


def survey(
    format: Format,
    examples: int | None = None,
    seed: int | None = None,
    select: str | Iterable[str] = "all",
    progress: Callable[[int, int, Result], None] | None = None,
) -> tuple[dict[str, Any], list[Result]]:
    """Return the domain of the format, as `find_domain` does, and the results of the checks in it.

    ``select`` are the checks, by default all. ``progress`` is called after each check with its number, the number of checks, and the
    result. The format's own domain and ``expected_failures`` are ignored.
    """
    domain = find_domain(format)
    limits = dict.fromkeys(("dtypes", "shapes", "keys"))
    results = []
    with Runner(dataclasses.replace(format, **{**limits, **domain}, expected_failures={}), select, examples, seed, shrink=False) as runner:
        for number, check in enumerate(runner.checks, start=1):
            results.append(runner.run(check))
            if progress is not None:
                progress(number, len(runner.checks), results[-1])
    return domain, results
