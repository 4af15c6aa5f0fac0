"""The arguments of one call of `assert_roundtrip`, and the checks that trees and models share."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..compare.ignored import Ignored
from ..execution.checkpoint_files import size_on_disk, state_at
from ..execution.unfinished import is_written_later
from ..execution.user_code import NOTHING_WRITTEN
from ..messages import describe
from ..verdicts import Difference


@dataclasses.dataclass(frozen=True)
class Call:
    """The functions and options of one round trip, and the path of the checkpoint."""

    save: Callable[[Any, Any], Any]
    load: Callable[..., Any]
    path: pathlib.Path
    template: bool
    make: Callable[[], Any] | None
    inputs: Any
    ignored: Ignored


@contextlib.contextmanager
def noting_unfinished(path: pathlib.Path) -> Iterator[None]:
    """Add a note to an exception that is raised inside, if the checkpoint is written after this point."""
    before = state_at(path)
    try:
        yield
    except Exception as error:
        if is_written_later(path, before):
            error.add_note("likely cause: the file was still being written when save returned: wait for the writer in save")
        raise


def check_written(path: pathlib.Path) -> None:
    """Raise AssertionError if `save` wrote nothing at the path."""
    if size_on_disk(path) is None:
        raise AssertionError(NOTHING_WRITTEN)


def check_restored(found: Sequence[Difference], cause: str = "") -> None:
    """Raise AssertionError, with the differences between the loaded and the saved object, if there
    are any.

    ``cause`` is the reason of all of them, if known.
    """
    if found:
        # The cause comes first, because pytest's short summary shows only the first words.
        raise AssertionError(f"{describe(found, cause)}\nthe loaded object differs from the saved one, {len(found)} difference(s)")
