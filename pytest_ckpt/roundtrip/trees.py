"""`assert_roundtrip`: a tree or a model of the user's own goes through save and load. Knows no spec: the object is all there is."""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from ..backends import models_of, owner_of
from ..compare.trees import aspects, differences, remembered, same_object, tensors_in
from ..execution.checkpoint_files import size_on_disk
from ..execution.user_code import NOTHING_WRITTEN
from ..specs import DTYPES, Fill, PlainSpec, TensorSpec, other_values
from ..specs.trees import PLAIN_TYPES
from ..util.tempdirs import temporary_folder
from ..verdicts import describe
from .models import model_roundtrip


def assert_roundtrip(
    obj: Any,
    *,
    save: Callable[[Any, Any], Any],
    load: Callable[..., Any],
    template: bool = False,
    make: Callable[[], Any] | None = None,
    inputs: Any = None,
    ignore: Iterable[str] = (),
    suffix: str = "",
    folder: pathlib.Path | None = None,
) -> None:
    """Raises AssertionError unless ``load`` gives back, bit for bit, what ``save`` was given.

    ``save(obj, path)`` and ``load(path)`` get a fresh path that ends in ``suffix``; with ``template=True`` it is
    ``load(path, fresh)``, where ``fresh`` is ``make()``, or the same tree with other values. ``ignore`` names aspects that do
    not count. What was there is remembered before `save`, so a save that alters ``obj`` is seen too.

    ``obj`` may be a model (`torch.nn.Module`, `keras.Model`, `flax.nnx.Module`, `mxnet.gluon.Block`). Its parameters and buffers
    are compared under their names, its flags, and, where ``inputs`` are given, what it makes of them when it is used and not
    trained: a tensor, a tuple of arguments, or a dict of named ones. ``make()`` builds a fresh model with other values, which
    ``load(path, fresh)`` fills or replaces; without it ``load(path)`` returns a model. Flags and the mode (training or not) may also
    stay what they were in the fresh one; the mode of a model that ``load(path)`` made is the loader's own choice.

    Raises TypeError or ValueError, at once, for functions that are none or arguments that do not go together.
    """
    __tracebackhide__ = True
    for name, function in (("save", save), ("load", load), *((("make", make),) if make is not None else ())):
        if not callable(function):
            raise TypeError(f"assert_roundtrip: {name} has to be a function, not {type(function).__name__}: {function!r}")
    ignored = aspects(ignore)
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(temporary_folder())
        path = folder / f"checkpoint{suffix}"
        models = models_of(obj)
        if models is not None:
            model_roundtrip(obj, models, save, load, path, template, make, inputs, ignored)
        else:
            _tree_roundtrip(obj, save, load, path, template, make, inputs, ignored)


def _tree_roundtrip(
    obj: Any,
    save: Callable[[Any, Any], Any],
    load: Callable[..., Any],
    path: pathlib.Path,
    template: bool,
    make: Callable[[], Any] | None,
    inputs: Any,
    ignored: frozenset[str],
) -> None:
    __tracebackhide__ = True
    if inputs is not None:
        raise ValueError(f"assert_roundtrip: inputs= is what a model is fed, and a {type(obj).__name__} is no model of a framework")
    if make is not None and not template:
        raise ValueError("assert_roundtrip: make= makes what a template is; say template=True as well")
    before = _remembered(obj)
    unlike = differences(obj, before)
    save(obj, path)
    if (now := differences(obj, before)) != unlike:
        raise AssertionError(f"save altered what it was given:\n{describe(now)}")
    if size_on_disk(path) is None:
        raise AssertionError(NOTHING_WRITTEN)
    arguments = (_fresh(obj, make),) if template else ()
    loaded = load(path, *arguments)
    if same_object(loaded, obj):
        raise AssertionError("load returned the very object that was saved, which shows nothing about the file")
    if found := differences(loaded, obj, ignored):
        raise AssertionError(f"what came back is not what was saved, {len(found)} difference(s):\n{describe(found)}")


def _remembered(obj: Any) -> Any:
    """A copy of what will be saved, to see afterwards whether it was altered."""
    try:
        return remembered(obj)
    except Exception as error:
        raise TypeError(f"assert_roundtrip: {type(obj).__name__} cannot be copied, so it cannot be remembered: {error}") from error


def _fresh(obj: Any, make: Callable[[], Any] | None) -> Any:
    """What a loader gets to fill: it has to hold other values than those that were saved."""
    fresh = make() if make is not None else other_tree(obj)
    if not any(each.aspect in ("values", "nan-payload") or each.lost for each in differences(fresh, obj)):
        raise ValueError("the template holds the very values that were saved, so nothing would be shown; give another make=")
    return fresh


def other_tree(obj: Any) -> Any:
    """A copy of a tree in which tensors, and plain leaves of ordinary containers, have other values. Raises ValueError for
    what only the user can make."""
    try:
        fresh = copy.deepcopy(obj, {id(tensor): _other_tensor(tensor) for tensor in tensors_in(obj)})
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no other {type(obj).__name__} can be made as a template ({error}); give make=") from error
    return _other_plain_leaves(fresh, set())


def _other_tensor(tensor: Any) -> Any:
    backend = owner_of(tensor)
    assert backend is not None
    reading = backend.read(tensor)
    if reading.dtype not in DTYPES or reading.parts is not None:
        raise ValueError(f"no other {reading.kind} of dtype {reading.dtype} can be made as a template; give make=")
    for attempt in range(1, 20):
        other = backend.build(TensorSpec(reading.dtype, reading.shape, fill=Fill(seed=7919 * attempt)))
        if any(each.aspect in ("values", "nan-payload") for each in differences(other, tensor)):
            break
    return other


def _other_plain_leaves(node: Any, met: set[int]) -> Any:
    """The node with other plain leaves: changed in place where that can be done."""
    if type(node) in PLAIN_TYPES:
        return other_values(PlainSpec(node)).value
    if id(node) in met or owner_of(node) is not None:
        return node
    met.add(id(node))
    if isinstance(node, tuple):
        others = [_other_plain_leaves(item, met) for item in node]
        return type(node)(*others) if hasattr(node, "_fields") else type(node)(others)
    if isinstance(node, dict | list | collections.deque):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            node[key] = _other_plain_leaves(node[key], met)
    elif dataclasses.is_dataclass(node) and not isinstance(node, type):
        for field in dataclasses.fields(node):
            if hasattr(node, field.name):
                object.__setattr__(node, field.name, _other_plain_leaves(getattr(node, field.name), met))
    return node
