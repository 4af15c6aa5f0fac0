"""Notice when a save alters what it was given: in every save of every example, in this process and in workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ..compare.alterations import Recorded, alterations, forget_new_memory, record
from ..verdicts import Difference

#: Each collects the alterations in one example. They are not separate for each thread, because the saves of an example may run in several.
_COLLECTORS: list[list[Difference]] = []


@contextlib.contextmanager
def collecting() -> Iterator[list[Difference]]:
    """Give a list, to which the alterations by all saves until the exit are added."""
    found: list[Difference] = []
    _COLLECTORS.append(found)
    try:
        yield found
    finally:
        _COLLECTORS.pop()


def collect(found: list[Difference] | tuple[Difference, ...]) -> None:
    """Add alterations to the list of the current example. The same one is added once."""
    if _COLLECTORS:
        _COLLECTORS[-1].extend(each for each in found if each not in _COLLECTORS[-1])


@contextlib.contextmanager
def watching(obj: Any, state: Callable[[], Any] | None = None) -> Iterator[None]:
    """Collect what happens to ``obj`` meanwhile, also if an Exception is raised.

    ``state`` returns a tree that shows the state of an object that is no tree, such as a model.
    """
    before = _record(obj, state)
    if before is not None and state is not None and (again := _record(obj, state)) is not None:
        forget_new_memory(before, again)
    try:
        yield
    except Exception:
        _compare(obj, state, before)
        raise
    _compare(obj, state, before)


def _record(obj: Any, state: Callable[[], Any] | None) -> Recorded | None:
    """Return the state of the object, or None if it cannot be read, as an object that a user's loader returned."""
    try:
        return record(obj) if state is None else record(state(), is_held=False)
    except Exception:
        return None


def _compare(obj: Any, state: Callable[[], Any] | None, before: Recorded | None) -> None:
    if before is not None:
        now = _record(obj, state)
        collect(alterations(now, before) if now else [Difference("", "values", "", "it can no longer be read", lost=True)])
