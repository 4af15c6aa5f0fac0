"""Make the choices behind the examples that Hypothesis draws: random ones, or those of a plan.

Hypothesis' default provider also draws constants that it finds in the source code of local modules.
It would make our examples depend on the modules that happen to be loaded, and it stores those
constants in the folder ``.hypothesis``. Hypothesis has no setting to switch this off, so
`ChoiceProvider` is registered in ``AVAILABLE_PROVIDERS``, the documented place for other sources of
choices, and is used only where ``settings(backend=BACKEND)`` names it.
"""

from __future__ import annotations

import contextlib
import math
import struct
import time
import unittest
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from random import Random
from typing import Any, NamedTuple, TypeVar

from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, PrimitiveProvider

#: The name under which Hypothesis knows the provider.
BACKEND = "pytest-ckpt"
#: A size or a bound without a limit still needs one to draw below.
_MAX_EXTRA_LENGTH = 32
_INTEGER_BITS = (4, 8, 16, 32, 64, 128)
_SPECIAL_FLOATS = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308)

_T = TypeVar("_T")


class Finished(unittest.SkipTest):
    """Stop Hypothesis: it passes a skip on at once and does not run the test case again."""

    def __init__(self) -> None:
        super().__init__("finished")


class Choice(NamedTuple):
    """A value that was chosen, and the simplest one that could have been chosen in its place."""

    value: Any
    simplest: Any


class Choices:
    """The choices of one run of Hypothesis, test case by test case.

    Values are drawn from ``random``, until ``plans`` is set. From then on, each test case follows
    the next plan: a sequence of values to choose, in order. A planned value that is not allowed
    where it comes up is replaced by the simplest one, and so is what the plan does not have.

    ``made`` holds the choices of the current test case. It is empty in the first one, which has
    only simplest values and which Hypothesis makes itself.

    When no plan is left, or after the time ``end`` of `time.monotonic`, the next choice raises
    `Finished`. A strategy with a filter may reject every example, and then nothing else ends the
    run.
    """

    def __init__(self, random: Random, end: float) -> None:
        self.random = random
        self._end = end
        self.plans: Iterator[Sequence[Any]] | None = None
        self.exhausted = self.timed_out = False
        self.made: list[Choice] = []
        self._plan: Sequence[Any] = ()

    def start_test_case(self) -> None:
        """Forget the choices of the previous test case, and take the next plan."""
        self.made = []
        if self.plans is not None:
            plan = next(self.plans, None)
            self.exhausted = plan is None
            self._plan = plan or ()

    def choose(self, simplest: _T, allowed: Callable[[Any], bool], draw: Callable[[Random], _T]) -> _T:
        """Return the next value and note it. Raise `Finished` if the run is over."""
        self.timed_out = time.monotonic() >= self._end
        if self.exhausted or self.timed_out:
            raise Finished
        value = simplest
        if self.plans is None:
            value = draw(self.random)
        elif len(self.made) < len(self._plan):
            planned = self._plan[len(self.made)]
            if type(planned) is type(simplest) and allowed(planned):
                value = planned
        self.made.append(Choice(value, simplest))
        return value


_current: ContextVar[Choices | None] = ContextVar("pytest_ckpt_choices", default=None)


@contextlib.contextmanager
def active(choices: Choices) -> Iterator[None]:
    """Let providers that Hypothesis creates in this context take their values from ``choices``."""
    token = _current.set(choices)
    try:
        yield
    finally:
        _current.reset(token)


class ChoiceProvider(PrimitiveProvider):
    """A source of choices for Hypothesis that depends on nothing but the active `Choices`."""

    lifetime = "test_function"

    def __init__(self, conjecturedata: Any = None, /) -> None:
        super().__init__(conjecturedata)
        self._choices = _current.get() or Choices(Random(0), math.inf)

    def per_test_case_context_manager(self) -> AbstractContextManager[None]:
        self._choices.start_test_case()
        return contextlib.nullcontext()

    def draw_boolean(self, p: float = 0.5) -> bool:
        possible = [value for value, can_be in ((False, p < 1), (True, p > 0)) if can_be]
        return self._choices.choose(possible[0], lambda value: value in possible, lambda random: random.random() < p)

    def draw_integer(
        self,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        weights: dict[int, float] | None = None,
        shrink_towards: int = 0,
    ) -> int:
        def clamped(value: int) -> int:
            value = value if min_value is None else max(value, min_value)
            return value if max_value is None else min(value, max_value)

        def draw(random: Random) -> int:
            if weights is not None:
                # The weights add up to less than 1; the rest is for any value.
                point = random.random()
                for value, weight in weights.items():
                    if (point := point - weight) < 0:
                        return value
            if min_value is not None and max_value is not None:
                return random.randint(min_value, max_value)
            size = random.getrandbits(random.choice(_INTEGER_BITS))
            if min_value is not None:
                return min_value + size
            return max_value - size if max_value is not None else random.choice((size, -size))

        return self._choices.choose(clamped(shrink_towards), lambda value: clamped(value) == value, draw)

    def draw_float(
        self,
        *,
        min_value: float = -math.inf,
        max_value: float = math.inf,
        allow_nan: bool = True,
        smallest_nonzero_magnitude: float,
    ) -> float:
        def allowed(value: float) -> bool:
            if math.isnan(value):
                return allow_nan
            if value != 0 and abs(value) < smallest_nonzero_magnitude:
                return False
            return _at_most(min_value, value) and _at_most(value, max_value)

        least = smallest_nonzero_magnitude
        special = [value for value in (*_SPECIAL_FLOATS, least, -least, min_value, max_value) if allowed(value)]

        def draw(random: Random) -> float:
            if random.random() < 0.2:
                return random.choice(special)
            if random.random() < 0.5 and math.isfinite(max_value - min_value):
                value = random.uniform(min_value, max_value)
            else:
                (value,) = struct.unpack("d", random.randbytes(8))
            return value if allowed(value) else random.choice(special)

        return self._choices.choose(special[0], allowed, draw)

    def draw_string(self, intervals: Any, *, min_size: int = 0, max_size: int = 10**10) -> str:
        def allowed(value: str) -> bool:
            return min_size <= len(value) <= max_size and all(character in intervals for character in value)

        def draw(random: Random) -> str:
            # Characters come simplest first. Without the first case, nearly all would be from far outside of ASCII.
            size = _length(random, min_size, max_size)
            ends = [random.choice((min(len(intervals), 256), len(intervals))) for _ in range(size)]
            return "".join(intervals.char_in_shrink_order(random.randrange(end)) for end in ends)

        if len(intervals) == 0:
            return ""
        simplest: str = intervals.char_in_shrink_order(0) * min_size
        return self._choices.choose(simplest, allowed, draw)

    def draw_bytes(self, min_size: int = 0, max_size: int = 10**10) -> bytes:
        return self._choices.choose(
            bytes(min_size),
            lambda value: min_size <= len(value) <= max_size,
            lambda random: random.randbytes(_length(random, min_size, max_size)),
        )


def _at_most(first: float, second: float) -> bool:
    """Return whether ``first <= second``, where -0.0 is less than 0.0."""
    if first == second == 0:
        return math.copysign(1, first) <= math.copysign(1, second)
    return first <= second


def _length(random: Random, min_size: int, max_size: int) -> int:
    return min(max_size, min_size + min(int(random.expovariate(0.2)), _MAX_EXTRA_LENGTH))


AVAILABLE_PROVIDERS[BACKEND] = ChoiceProvider
