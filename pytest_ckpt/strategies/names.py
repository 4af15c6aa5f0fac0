"""Check the names that users give to narrow what a strategy draws."""

from __future__ import annotations

from collections.abc import Iterable

from ..util.suggestions import nearest


def checked_names(given: Iterable[str], known: Iterable[str], what: str) -> tuple[str, ...]:
    """Return ``given`` as a tuple; one string counts as one name.

    Raise ValueError for a name that is not ``known``, with the nearest one that is, and where no
    name is given. ``what`` is what the names are called in the message.
    """
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}: {nearest(name, known)}")
    if not names:
        raise ValueError(f"no {what} is left to draw from")
    return names
