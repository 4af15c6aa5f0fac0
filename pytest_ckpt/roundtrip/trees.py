"""Assert that a tree or a model of the user is restored by a save and a load function."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from ..backends import models_of
from ..compare.tensors import copy_tree, same_object
from ..compare.trees import aspects, differences
from ..util.tempdirs import temporary_folder
from ..verdicts import describe
from .call import Call, check_restored, check_written
from .models import model_roundtrip
from .other_values import VALUES, other_tree


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
    """Raise AssertionError unless ``load`` restores, bit for bit, the object that ``save`` saved.

    ``obj`` is a tree or a model. Before `save`, a copy of it is made, so a save that changes
    ``obj`` fails, too.

    - ``save(obj, path)`` and ``load(path)`` get a fresh path, whose name ends in ``suffix``.
    - ``template=True`` calls ``load(path, fresh)``. ``fresh`` is ``make()``, or a copy of the tree
      with other values.
    - ``ignore`` names aspects that do not count: ``values``, ``nan-payload``, ``dtype``, ``shape``,
      ``kind`` (class of a tensor), ``container`` (type of a container or plain leaf), ``keys``,
      ``order`` (of keys), ``alias`` (shared memory), ``flags`` (such as ``requires-grad``) or
      ``strides``, see `differences`.
    - ``folder`` is the folder of the checkpoint, by default a temporary one.

    A model is a `torch.nn.Module`, `keras.Model`, `flax.nnx.Module` or `mxnet.gluon.Block`. Its
    parameters and buffers are compared by name, then its flags.

    - ``inputs`` (a tensor, a tuple of arguments, or a dict of keyword arguments) also compares its
      outputs in inference mode.
    - ``make()`` builds a fresh model with other values, which ``load(path, fresh)`` fills or
      replaces. Flags and modes may also stay those of the fresh model. Without ``make``,
      ``load(path)`` must return a model, which may be in any mode.

    Raises TypeError or ValueError, before anything is saved, for arguments that are invalid or do
    not go together.
    """
    __tracebackhide__ = True
    for name, function in (("save", save), ("load", load), *((("make", make),) if make is not None else ())):
        if not callable(function):
            raise TypeError(f"assert_roundtrip: {name} must be a function, got {type(function).__name__} {function!r}")
    ignored = aspects(ignore)
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(temporary_folder())
        call = Call(save, load, folder / f"checkpoint{suffix}", template, make, inputs, ignored)
        models = models_of(obj)
        if models is not None:
            model_roundtrip(obj, models, call)
        else:
            _tree_roundtrip(obj, call)


def _tree_roundtrip(obj: Any, call: Call) -> None:
    __tracebackhide__ = True
    if call.inputs is not None:
        raise ValueError(f"assert_roundtrip: inputs= is only for models, but the object has the type {type(obj).__name__}")
    if call.make is not None and not call.template:
        raise ValueError("assert_roundtrip: make= builds the template, so pass template=True as well")
    before = _copy(obj)
    # Differences that a copy has from the start, such as other classes, are not changes by `save`.
    copy_differences = differences(obj, before)
    call.save(obj, call.path)
    if (now := differences(obj, before)) != copy_differences:
        raise AssertionError(f"save changed the object that it saved:\n{describe(now)}")
    check_written(call.path)
    arguments = (_fresh(obj, call.make),) if call.template else ()
    loaded = call.load(call.path, *arguments)
    if same_object(loaded, obj):
        raise AssertionError("load returned the saved object itself, or a part of it, so the file was not tested")
    check_restored(differences(loaded, obj, call.ignored))


def _copy(obj: Any) -> Any:
    """Return a copy, to detect later whether `save` changed the object."""
    try:
        return copy_tree(obj)
    except Exception as error:
        raise TypeError(
            f"assert_roundtrip: cannot copy an object of type {type(obj).__name__}, to detect whether save changes it: {error}"
        ) from error


def _fresh(obj: Any, make: Callable[[], Any] | None) -> Any:
    """Return the template. Raises ValueError unless its values differ from the saved ones."""
    fresh = make() if make is not None else other_tree(obj)
    if not any(each.aspect in VALUES or each.lost for each in differences(fresh, obj)):
        raise ValueError("the template has the same values as the saved object, so the test would prove nothing; pass another make=")
    return fresh
