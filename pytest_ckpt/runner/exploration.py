"""Draws more examples from a strategy, and shrinks the worst one: a thin layer over Hypothesis.

Nothing is ever raised into Hypothesis while exploring: it would stop at the first failure, which is the most common
and the mildest. Draws depend on the seed alone: Hypothesis would mix constants of whatever local modules are loaded into
what it draws (and write them to its folder), which is switched off here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, find, given, settings
from hypothesis import seed as seeded
from hypothesis._settings import local_settings
from hypothesis.errors import NoSuchExample
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.strategies import SearchStrategy

_T = TypeVar("_T")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hypothesis without constants from anywhere, for as long as this is held; while it shrinks, too.

    The settings held meanwhile let all of this run inside a user's own `@given`: Hypothesis asks those of the outer test
    whether nesting is fine.
    """
    provider: Any = HypothesisProvider
    before = provider._maybe_draw_constant
    provider._maybe_draw_constant = lambda *_, **__: None
    try:
        with local_settings(settings(suppress_health_check=list(HealthCheck))):
            yield
    finally:
        provider._maybe_draw_constant = before


def _settings(count: int, *phases: Phase) -> settings:
    return settings(
        max_examples=count,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )


def explore(strategy: SearchStrategy[_T], visit: Callable[[_T], object], *, count: int, seed: int, seconds: float) -> bool:
    """Calls ``visit`` with up to ``count`` drawn values, for at most about ``seconds``; says whether that was time enough.

    The same seed draws the same.
    """
    if count < 1:
        return True
    end = time.monotonic() + seconds
    left_out = 0
    with _quietly():

        @seeded(seed)
        @_settings(count, Phase.generate)
        @given(strategy)
        def run(value: _T) -> None:
            nonlocal left_out
            if time.monotonic() < end:
                visit(value)
            else:
                left_out += 1

        run()
    return left_out == 0


def shrink(strategy: SearchStrategy[_T], bad_enough: Callable[[_T], bool], *, count: int, seed: int, seconds: float) -> _T | None:
    """The simplest value for which ``bad_enough`` is true, or None if ``count`` draws do not come upon one.

    Started with the seed that `explore` had, it draws the same values first, so what was found is found again.
    """
    end = time.monotonic() + seconds
    best: list[_T] = []

    def condition(value: _T) -> bool:
        if time.monotonic() >= end and not (best and value == best[-1]):
            return False
        if bad_enough(value):
            best[:] = [value]
            return True
        return False

    with _quietly(), contextlib.suppress(NoSuchExample):
        return find(strategy, condition, settings=_settings(max(1, count), Phase.generate, Phase.shrink), random=Random(seed))
    return None
