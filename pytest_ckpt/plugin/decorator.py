"""`conformance`: the decorator that makes one pytest item of each check. It only notes what is to be asked; the plugin
makes the items, since the command line has the last word."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..formats.base import Format

_Test = TypeVar("_Test", bound=Callable[..., Any])

#: The attribute under which a test function keeps what `conformance` noted.
ATTRIBUTE = "_ckpt_conformance"


@dataclasses.dataclass(frozen=True)
class Conformance:
    """What a test function asks: these formats, and what the decorator says of select, examples and seed."""

    formats: tuple[Format, ...]
    select: tuple[str, ...] | None
    examples: int | None
    seed: int | None


def conformance(
    *formats: Format,
    select: str | Iterable[str] | None = None,
    examples: int | None = None,
    seed: int | None = None,
    **fields: Any,
) -> Callable[[_Test], _Test]:
    """One pytest item for each check of each format; the test takes ``check`` and calls it.

    Takes formats, or the fields of one `Format` by keyword. ``select``, ``examples`` and ``seed`` are as for `check_format`;
    the command line comes before them, the ini file after. Raises TypeError or ValueError, when the module is imported, for
    what is no format.
    """
    if any(callable(each) and not isinstance(each, Format) for each in formats):
        raise TypeError("conformance is called with formats before it decorates: @conformance(my_format)")
    if fields:
        if formats:
            raise TypeError("conformance takes formats, or the fields of one Format by keyword, not both")
        formats = (Format(**fields),)
    if not formats:
        raise TypeError("conformance needs at least one Format, or the fields of one by keyword")
    for each in formats:
        if not isinstance(each, Format):
            raise TypeError(f"conformance takes formats, not {type(each).__name__}: {each!r}")
    names = [each.name for each in formats]
    if len(set(names)) != len(names):
        raise ValueError(f"the formats of one test need different names, not {names}")
    for what, number in (("examples", examples), ("seed", seed)):
        if number is not None and (type(number) is not int or number < 0):
            raise ValueError(f"conformance: {what} is a whole number, 0 or more, not {number!r}")
    chosen = (select,) if isinstance(select, str) else None if select is None else tuple(select)

    def mark(test: _Test) -> _Test:
        if isinstance(test, type):
            raise TypeError(f"conformance decorates a test function that takes check, not the class {test.__name__}")
        function = getattr(test, "__func__", test)
        if hasattr(function, ATTRIBUTE):
            raise TypeError(f"{function.__name__} has one @conformance already; give it all formats together")
        setattr(function, ATTRIBUTE, Conformance(formats, chosen, examples, seed))
        return test

    return mark
