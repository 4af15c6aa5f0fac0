"""The decorator `conformance`. It stores its arguments on the test function; the plugin makes the items.

It cannot make them itself, because the options of the command line override its arguments.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..formats.base import Format

_Test = TypeVar("_Test", bound=Callable[..., Any])

#: The attribute of a test function that holds the arguments of `conformance`. `parametrization` reads it.
ATTRIBUTE = "_ckpt_conformance"


@dataclasses.dataclass(frozen=True)
class Conformance:
    """The arguments of the decorator."""

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
    """Make one pytest item for each check of each format. The test takes an argument ``check`` and calls it.

    The arguments are formats, or the fields of one `Format` by keyword. ``select``, ``examples`` and
    ``seed`` are those of `check_format`; the options of the command line override them, and they
    override the ini file. Raises TypeError or ValueError for other arguments, so that pytest reports
    an error when it imports the module.
    """
    __tracebackhide__ = True
    if any(callable(each) and not isinstance(each, Format) for each in formats):
        raise TypeError("@conformance needs arguments: @conformance(my_format)")
    if fields:
        if formats:
            raise TypeError("conformance takes formats, or the fields of one Format by keyword, but not both")
        formats = (Format(**fields),)
    if not formats:
        raise TypeError("conformance needs at least one Format, or the fields of one by keyword")
    for each in formats:
        if not isinstance(each, Format):
            raise TypeError(f"conformance takes formats, got {type(each).__name__}: {each!r}")
    names = [each.name for each in formats]
    if len(set(names)) != len(names):
        raise ValueError(f"the formats of one test need different names, got {names}")
    for what, number in (("examples", examples), ("seed", seed)):
        if number is not None and (type(number) is not int or number < 0):
            raise ValueError(f"conformance: {what} must be an integer of at least 0, got {number!r}")
    chosen = (select,) if isinstance(select, str) else None if select is None else tuple(select)

    def mark(test: _Test) -> _Test:
        __tracebackhide__ = True
        if isinstance(test, type):
            raise TypeError(f"conformance decorates a test function, not a class: {test.__name__}")
        function = getattr(test, "__func__", test)
        if hasattr(function, ATTRIBUTE):
            raise TypeError(f"{function.__name__} already has @conformance; pass all formats to one @conformance")
        setattr(function, ATTRIBUTE, Conformance(formats, chosen, examples, seed))
        return test

    return mark
