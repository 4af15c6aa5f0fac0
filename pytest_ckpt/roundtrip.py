"""`assert_roundtrip`: a tree of the user's own goes through save and load. Knows no spec: the object is all there is."""

from __future__ import annotations

import contextlib
import copy
import pathlib
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from .backends import owner_of
from .compare import differences
from .trials import NOTHING_WRITTEN, size_on_disk
from .verdicts import describe


def assert_roundtrip(
    obj: Any,
    *,
    save: Callable[[Any, Any], Any],
    load: Callable[..., Any],
    template: bool = False,
    make: Callable[[], Any] | None = None,
    inputs: Any = None,
    ignore: Iterable[str] = (),
    folder: pathlib.Path | None = None,
) -> None:
    """Raises AssertionError unless ``load`` gives back, bit for bit, what ``save`` was given.

    ``save(obj, path)`` and ``load(path)`` get a fresh path; with ``template=True`` it is ``load(path, fresh)``, where ``fresh``
    is ``make()``, or a copy of ``obj`` with every tensor set to zero. ``ignore`` names aspects that do not count. What was
    there is remembered before `save`, so a save that alters ``obj`` is seen too. Raises TypeError or ValueError, at once, for
    functions that are none or arguments that do not go together.
    """
    __tracebackhide__ = True
    for name, function in (("save", save), ("load", load), *((("make", make),) if make is not None else ())):
        if not callable(function):
            raise TypeError(f"assert_roundtrip: {name} has to be a function, not {type(function).__name__}: {function!r}")
    if inputs is not None:
        raise ValueError("assert_roundtrip: inputs= is for models, which this version does not compare yet; pass the model's state")
    if make is not None and not template:
        raise ValueError("assert_roundtrip: make= makes what a template is; say template=True as well")
    ignored = frozenset(ignore)
    before = copy.deepcopy(obj)
    _not_alike(before, obj, ignored, "a deep copy of it is not the same, so it cannot be remembered")
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pytest-ckpt-")))
        path = folder / "checkpoint"
        save(obj, path)
        _not_alike(obj, before, ignored, "save altered what it was given")
        if size_on_disk(path) is None:
            raise AssertionError(NOTHING_WRITTEN)
        if not template:
            loaded = load(path)
        else:
            fresh = make() if make is not None else zeroed(before)
            if not differences(fresh, before):
                raise AssertionError("the template holds the very values that were saved, so nothing would be shown; give make=")
            loaded = load(path, fresh)
        if loaded is obj and owner_of(obj) is not None:
            raise AssertionError("load returned the very object that was saved, which shows nothing about the file")
        _not_alike(loaded, before, ignored, "what came back is not what was saved")


def _not_alike(actual: Any, expected: Any, ignore: frozenset[str], what: str) -> None:
    __tracebackhide__ = True
    ignore = ignore if "save" not in what else ignore
    found = differences(actual, expected, ignore)
    if found:
        raise AssertionError(f"{what}, {len(found)} difference(s):\n{describe(found)}")
