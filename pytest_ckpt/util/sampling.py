"""Pick a few items of many, the same ones every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def evenly_spaced(items: Sequence[T], count: int) -> list[T]:
    """Return ``count`` of the items at even distances, always with the first and the last.

    Returns all items if there are no more than ``count``, and the middle one if ``count`` is 1.
    """
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[len(items) // 2]]
    return [items[number * (len(items) - 1) // (count - 1)] for number in range(count)]
