"""Load the entry points of other distributions, and remember those that fail.

One broken plugin must not stop a run. An entry point that cannot be loaded is reported by one
warning and is left out. `load_failures` returns all such failures, for summaries.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import importlib.metadata


@dataclasses.dataclass(frozen=True)
class LoadFailure:
    """An entry point that could not be loaded: its group and name, and the error as text.

    ``str(failure)`` is one sentence that names all three, for messages and summaries.
    """

    group: str
    name: str
    error: str

    def __str__(self) -> str:
        return f"the entry point {self.name!r} of the group {self.group!r} cannot be loaded: {self.error}"


class EntryPointWarning(UserWarning):
    """Warns that an entry point could not be loaded, so that its backend, format or checks are missing."""


class EntryPointError(ImportError):
    """Raised by `load_entry_point`; its message is the text of the `LoadFailure`."""


_failures: dict[tuple[str, str], LoadFailure] = {}


@functools.cache
def entry_points(group: str) -> dict[str, importlib.metadata.EntryPoint]:
    """Return the entry points of ``group`` by name, sorted by name. Nothing is imported."""
    import importlib.metadata  # a worker rarely needs it

    found = {point.name: point for point in importlib.metadata.entry_points(group=group)}
    return dict(sorted(found.items()))


def load_entry_point(group: str, name: str) -> Any:
    """Import the entry point ``name`` of ``group`` and return its object.

    Raises `EntryPointError` if the import fails in any way. The first failure of each entry point
    is recorded for `load_failures` and reported by an `EntryPointWarning`.
    """
    if failure := _failures.get((group, name)):
        raise EntryPointError(str(failure))
    try:
        return entry_points(group)[name].load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and outcomes of pytest such as that of importorskip, too
        failure = record_failure(group, name, f"{type(error).__name__}: {error}")
        raise EntryPointError(str(failure)) from error


def record_failure(group: str, name: str, error: str) -> LoadFailure:
    """Record that an entry point is unusable because of ``error``, warn about it once, and return the record."""
    if (group, name) not in _failures:
        _failures[group, name] = LoadFailure(group, name, error)
        warnings.warn(str(_failures[group, name]), EntryPointWarning, stacklevel=3)
    return _failures[group, name]


def load_failures() -> tuple[LoadFailure, ...]:
    """Return the entry points that have failed in this process so far, in the order in which they failed.

    An entry point is loaded at its first use, so call this at the end of a run.
    """
    return tuple(_failures.values())
