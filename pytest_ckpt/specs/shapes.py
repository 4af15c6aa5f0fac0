"""Patterns of shapes: a shape in which a dimension may have any length. Plain Python.

A pattern is a tuple. An int is that length, None is any length from 1, and a name (a str) is any
length from 1 that is the same wherever the name occurs. ``...`` is any number of dimensions of any
length from 1, at most once in a pattern. So every shape is a pattern too. ``(None, None, 3)`` are
pictures with three channels, ``("n", "n")`` are square matrices, and ``(None, ...)`` is everything
but scalars.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

Shape = tuple[int, ...]
Pattern = tuple[Any, ...]

#: The largest number of dimensions that `...` stands for when examples are made.
MAX_RANK = 6


def checked_shapes(shapes: Iterable[Any], may_be_zero: bool = True) -> tuple[Pattern, ...]:
    """Return ``shapes`` as a tuple of patterns. Raise TypeError or ValueError, with what is allowed, for anything else."""
    allowed = "a collection of tuples such as (2, 3), (None, None, 3), ('n', 'n') or (None, ...), or a strategy of tuples of ints"
    if isinstance(shapes, str | bytes) or not isinstance(shapes, Iterable):
        raise TypeError(f"shapes must be {allowed}, not {shapes!r}")
    found = tuple(shapes)
    for each in found:
        if not isinstance(each, tuple | list):
            hint = f": write [{found!r}] for one shape" if type(shapes) is tuple else ""
            raise TypeError(f"shapes must be {allowed}, but it holds {each!r}{hint}")
        for length in each:
            if not (length is None or length is ... or (isinstance(length, str) and length) or (type(length) is int and length >= 0)):
                raise ValueError(f"a length must be an int of at least 0, None, a name or ..., not {length!r} in the shape {tuple(each)!r}")
        if sum(length is ... for length in each) > 1:
            raise ValueError(f"a shape can have only one ..., not {tuple(each)!r}")
    if not found:
        raise ValueError("no shape is left to draw from")
    return tuple(tuple(each) for each in found)


def of_rank(pattern: Pattern, rank: int) -> Pattern | None:
    """Return the pattern with ``rank`` dimensions and without ``...``, or None if it cannot have so many."""
    if ... not in pattern:
        return pattern if len(pattern) == rank else None
    place, more = pattern.index(...), rank - len(pattern) + 1
    return None if more < 0 else (*pattern[:place], *[None] * more, *pattern[place + 1 :])


def of_ranks(patterns: Iterable[Pattern], lowest: int = 0, highest: int = MAX_RANK) -> list[Pattern]:
    """Return the patterns without ``...`` and with ``lowest`` to ``highest`` dimensions."""
    found = (of_rank(pattern, rank) for pattern in patterns for rank in range(lowest, highest + 1))
    return list(dict.fromkeys(pattern for pattern in found if pattern is not None))


def matches(pattern: Pattern, shape: Shape) -> bool:
    """Return whether ``shape`` is one of those that the pattern describes."""
    fixed = of_rank(pattern, len(shape))
    if fixed is None:
        return False
    named: dict[str, int] = {}
    for wanted, length in zip(fixed, shape, strict=True):
        if isinstance(wanted, int):
            if wanted != length:
                return False
        elif length < 1 or (isinstance(wanted, str) and named.setdefault(wanted, length) != length):
            return False
    return True


def filled(pattern: Pattern, lengths: Sequence[int]) -> Shape:
    """Return the shape in which each free length of a pattern without ``...`` is the next one of ``lengths``."""
    rest = iter(lengths)
    named: dict[str, int] = {}
    shape = []
    for wanted in pattern:
        if isinstance(wanted, str):
            if wanted not in named:
                named[wanted] = next(rest)
            shape.append(named[wanted])
        else:
            shape.append(next(rest) if wanted is None else wanted)
    return tuple(shape)


def nearest_shapes(patterns: Iterable[Pattern], wanted: Shape) -> list[Shape]:
    """Return a shape for each pattern and rank, the most similar to ``wanted`` first.

    Similar are, in this order: numbers of elements within a factor of about two, the same rank.
    Fewer elements are worse than more, because a check may need as many.
    """
    size = math.prod(wanted)
    ranks = range(max(len(wanted), MAX_RANK) + 1)
    fixed = dict.fromkeys(found for pattern in patterns for rank in ranks if (found := of_rank(pattern, rank)) is not None)
    fixed.update(dict.fromkeys(pattern for pattern in patterns if ... not in pattern))
    shapes = dict.fromkeys(_nearest(pattern, wanted) for pattern in fixed)

    def distance(shape: Shape) -> tuple[bool, int, int]:
        ratio = math.log2((math.prod(shape) + 1) / (size + 1))
        return shape != wanted, round(ratio if ratio >= 0 else -3 * ratio), abs(len(shape) - len(wanted))

    return sorted(shapes, key=distance)


def _nearest(pattern: Pattern, wanted: Shape) -> Shape:
    """Return the shape of a pattern without ``...`` that is most similar to ``wanted``, with free lengths of at least 2."""
    if matches(pattern, wanted):
        return wanted
    if len(pattern) == len(wanted) and not any(isinstance(length, str) for length in pattern):
        kept = tuple(max(2, own) if length is None else length for length, own in zip(pattern, wanted, strict=True))
        if math.prod(wanted) <= math.prod(kept) <= 2 * math.prod(wanted):
            return kept
    free = [length for length in pattern if not isinstance(length, int)]
    if not free:
        return pattern
    known = math.prod(length for length in pattern if isinstance(length, int))
    target = math.ceil(math.prod(wanted) / max(1, known))
    base = max(2, math.ceil(target ** (1 / len(free)) - 1e-9))
    count = free.count(None)
    if not count:
        return filled(pattern, [base] * len(free))
    # All lengths differ, so that a swap of two dimensions is noticed, and the first one makes up for the rest.
    others = [base + place for place in range(count - 1, 0, -1)]
    rest = math.prod(others) * base ** (len(free) - count)
    lengths = iter([max(2, math.ceil(target / rest)), *others])
    return filled(tuple(next(lengths) if length is None else length for length in pattern), [base] * len(free))
