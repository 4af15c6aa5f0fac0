"""Draw more examples from a strategy, and shrink one that fails.

Hypothesis draws the examples; `choices` makes its choices, so that they depend on the seed only.
A failing example is not raised into Hypothesis, because it stops at the first failure, which is
usually the mildest one. So shrinking is done here too, in a second pass, on the sequence of choices.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Generic, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.strategies import SearchStrategy

from .choices import BACKEND, Choice, Choices, Finished, active

_T = TypeVar("_T")
#: How many sequences of choices shrinking tries at most, once it has a failing example.
_MAX_ATTEMPTS = 1000
#: Numbers of neighbouring choices that shrinking tries to leave out together.
_BLOCKS = (16, 8, 4, 2, 1)


def explore(strategy: SearchStrategy[_T], visit: Callable[[_T], object], *, count: int, seed: int, seconds: float) -> bool:
    """Call ``visit`` with up to ``count`` different examples of ``strategy``.

    The same ``seed`` gives the same examples. No example is started after ``seconds``. Return False
    if that limit cut the exploration short. An exception of ``visit`` ends it and is raised.
    """
    choices = Choices(Random(seed), time.monotonic() + seconds)
    seen: set[tuple[Any, ...]] = set()

    def test_case(value: _T) -> None:
        if _is_new(choices, seen):
            visit(value)
        if len(seen) == count:
            raise Finished

    if count > 0:
        # More than count, for the repeated ones; a strategy may have fewer examples than that.
        _run(strategy, test_case, choices, 2 * count + 10)
    return not choices.timed_out


def _is_new(choices: Choices, seen: set[tuple[Any, ...]]) -> bool:
    """Return whether these choices are made for the first time: Hypothesis lets a provider draw an example twice."""
    drawn = tuple(choice.value for choice in choices.made)
    is_new = drawn not in seen
    seen.add(drawn)
    return is_new


def shrink(strategy: SearchStrategy[_T], bad_enough: Callable[[_T], bool], *, count: int, seed: int, seconds: float) -> _T | None:
    """Return the simplest example found for which ``bad_enough`` is true, or None if no drawn one is.

    With the ``seed`` of `explore`, this first draws the same examples, at most ``count``, and then
    simplifies the first bad one. It stops after ``seconds`` with the best one so far.
    """
    choices = Choices(Random(seed), time.monotonic() + seconds)
    shrinker: _Shrinker[_T] | None = None
    seen: set[tuple[Any, ...]] = set()

    def test_case(value: _T) -> None:
        nonlocal shrinker
        if choices.exhausted:
            raise Finished
        if shrinker is None and not _is_new(choices, seen):
            return
        bad = bad_enough(value)
        if shrinker is not None:
            if bad:
                shrinker.accept(choices.made, value)
        elif bad:
            shrinker = _Shrinker(choices.made, value)
            choices.plans = shrinker.plans()
        elif len(seen) >= count:
            raise Finished

    _run(strategy, test_case, choices, 2 * count + 10 + _MAX_ATTEMPTS)
    return None if shrinker is None else shrinker.value


def _run(strategy: SearchStrategy[_T], test_case: Callable[[_T], None], choices: Choices, max_examples: int) -> None:
    """Run ``test_case`` with examples until it raises `Finished`; raise what else it raises."""
    quiet = settings(
        backend=BACKEND,
        max_examples=max_examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=True,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    failure: BaseException | None = None

    def body(value: _T) -> None:
        nonlocal failure
        try:
            test_case(value)
        except Finished:
            raise
        except BaseException as error:
            # Hypothesis would run a failing test case again, to see whether it fails again.
            failure = error
            raise Finished from None

    with active(choices), contextlib.suppress(Finished):
        _given(strategy, quiet, body)()
    if failure is not None:
        raise failure


def _given(strategy: SearchStrategy[_T], using: settings, body: Callable[[_T], None]) -> Callable[[], None]:
    """Return ``settings(...)(given(strategy)(body))``, made in a new thread.

    A user may call `check_format` inside a test with ``@given``. There, ``given`` fails the health
    check for nested tests, by the settings of the user's test, which we cannot change. Hypothesis
    knows per thread whether a test runs, so in a new thread this health check passes. Only this
    line runs there: drawing and visiting stay in the caller's thread, because frameworks keep modes
    and contexts for each thread.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: using(given(strategy)(body))).result()


class _Shrinker(Generic[_T]):
    """Simplifies the choices behind a bad example.

    Fewer choices are simpler, then choices that are closer to the simplest ones, from left to
    right. ``value`` is the example that belongs to the simplest choices found.
    """

    def __init__(self, made: Sequence[Choice], value: _T) -> None:
        self.value = value
        self._best = tuple(made)
        self._tried: set[tuple[Any, ...]] = set()

    def accept(self, made: Sequence[Choice], value: _T) -> None:
        """Take over a bad example if its choices are simpler than the best so far."""
        if _complexity(made) < _complexity(self._best):
            self._best, self.value = tuple(made), value

    def plans(self) -> Iterator[tuple[Any, ...]]:
        """Yield one plan after the other; `accept` may be called before the next one is taken."""
        before = None
        while self._best != before:
            before = self._best
            for size in _BLOCKS:
                for start in reversed(range(len(self._best))):
                    yield from self._try(choice.value for place, choice in enumerate(self._best) if not start <= place < start + size)
            for place in range(len(self._best)):
                yield from self._lower((place,))
            for value in dict.fromkeys(choice.value for choice in self._best if choice.value != choice.simplest):
                places = tuple(place for place, choice in enumerate(self._best) if choice.value == value)
                if len(places) > 1:
                    yield from self._lower(places)

    def _lower(self, places: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
        """Bring the choices at ``places``, which are equal, as near to the simplest one as possible."""
        if places[-1] >= len(self._best):
            return
        bad, good = self._best[places[0]]
        candidate = good
        while True:
            before = self._best
            yield from self._try(candidate if place in places else choice.value for place, choice in enumerate(before))
            if self._best is before:
                good = candidate
            else:
                bad = candidate
            lost = places[-1] >= len(self._best) or self._best[places[0]].value != bad
            if lost or type(bad) is not int or abs(bad - good) < 2:
                return
            candidate = (bad + good) // 2

    def _try(self, values: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        plan = tuple(values)
        if plan not in self._tried:
            self._tried.add(plan)
            yield plan


def _complexity(choices: Sequence[Choice]) -> tuple[int, list[float]]:
    return len(choices), [_distance(choice) for choice in choices]


def _distance(choice: Choice) -> float:
    """Return how far a choice is from the simplest one."""
    value, simplest = choice
    if value == simplest:
        return 0
    if isinstance(value, str | bytes):
        return 1 + len(value)
    return math.inf if math.isnan(value) else abs(value - simplest)
