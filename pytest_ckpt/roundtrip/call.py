"""The arguments of one call of `assert_roundtrip`, and the checks that trees and models share."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from ..execution.checkpoint_files import size_on_disk
from ..execution.user_code import NOTHING_WRITTEN
from ..verdicts import Difference, describe


@dataclasses.dataclass(frozen=True)
class Call:
    """The functions and options of one round trip, and the path of the checkpoint."""

    save: Callable[[Any, Any], Any]
    load: Callable[..., Any]
    path: pathlib.Path
    template: bool
    make: Callable[[], Any] | None
    inputs: Any
    ignored: frozenset[str]


def check_written(path: pathlib.Path) -> None:
    """Raise AssertionError if `save` wrote nothing at the path."""
    if size_on_disk(path) is None:
        raise AssertionError(NOTHING_WRITTEN)


def check_restored(found: Sequence[Difference]) -> None:
    """Raise AssertionError, with the differences between the loaded and the saved object, if there
    are any.
    """
    if found:
        raise AssertionError(f"the loaded object differs from the saved one, {len(found)} difference(s):\n{describe(found)}")
