"""Draw the domain of a format from the strategies that its author gave for shapes and keys."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ..formats.base import Format
from ..specs.domain import checked_keys
from ..specs.shapes import checked_shapes
from ..util.strategies import is_strategy

#: How many shapes and keys are drawn, and the largest number of elements of a drawn shape.
_COUNT = 200
_LARGEST = 1 << 24


def with_drawn_limits(format: Format) -> Format:
    """Return the format with collections in place of strategies: the shapes and the keys that they draw.

    The strategies cannot tell whether a value is one of theirs, so the domain is what they draw with
    a fixed seed. Raise ValueError if they draw nothing, or something that is no shape.
    """
    drawn: dict[str, Any] = {}
    for field, checked in (("shapes", checked_shapes), ("keys", checked_keys)):
        if is_strategy(limit := getattr(format, field)):
            try:
                drawn[field] = checked(_drawn(limit, field == "shapes"))
            except (TypeError, ValueError) as error:
                raise ValueError(f"format {format.name!r}: the strategy for {field}: {error}") from None
    return dataclasses.replace(format, **drawn) if drawn else format


def _drawn(strategy: Any, are_shapes: bool) -> list[Any]:
    from hypothesis.errors import HypothesisException

    from .exploration import explore

    found: list[Any] = []
    try:
        explore(strategy, found.append, count=_COUNT, seed=0, seconds=math.inf)
    except HypothesisException as error:
        raise ValueError(str(error)) from None
    if are_shapes:
        found = [shape for shape in found if not _is_large(shape)]
    return [each for place, each in enumerate(found) if each not in found[:place]]


def _is_large(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(type(length) is int for length in shape) and math.prod(shape) > _LARGEST
