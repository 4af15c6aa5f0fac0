"""A trial of a tree: it is saved, loaded, and compared with the same tree built anew."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from ..backends.base import Backend
from ..backends.spec_values import logical_words
from ..backends.tree_builder import build_tree
from ..compare.elements import equal
from ..compare.trees import differences, same_object, tensors_in
from ..formats.base import Format
from ..specs import DTYPES, Spec, TensorSpec, other_values, payload_of, tensor_specs_in
from ..verdicts import Observation
from .user_code import attempt, inspected, saved_with

SAME_OBJECT = "load returned the very object that was saved, which shows nothing about the file"


def try_tree(
    format: Format,
    backend: Backend,
    spec: Spec,
    path: pathlib.Path,
    limit: Callable[[int], int] | None,
    held: set[TensorSpec],
) -> Observation:
    """What was seen; ``held`` are the tensors that the framework is known to hold, and grows. Raises Failed and CannotBuild."""
    assert format.save is not None
    assert format.load is not None
    saved = build_tree(spec, backend)
    if why := _not_held(backend, spec, held):
        return Observation(skipped=why)
    size = saved_with(format, format.save, saved, path)
    expected = build_tree(spec, backend)
    arguments: tuple[Any, ...] = ()
    if format.template:
        template = other_tree(backend, spec, expected)
        if template is None:
            return Observation(skipped="no template with other values than these can be made, so nothing would be shown")
        arguments = (template,)
    loaded = attempt("load", format.load, path, *arguments)
    if attempt("load", inspected, same_object, loaded, saved):
        return Observation(unreadable=SAME_OBJECT)
    found = attempt("load", inspected, differences, loaded, expected)
    excess = None
    if limit is not None and size > (allowed := limit(payload_of(spec))):
        excess = f"{size} bytes on disk for {payload_of(spec)} bytes of values; {allowed} would be agreed to"
    return Observation(differences=tuple(found), excess=excess)


def _not_held(backend: Backend, spec: Spec, held: set[TensorSpec]) -> str | None:
    """Why the framework itself does not hold what the format would be asked to keep; None if it does."""
    for tensor in tensor_specs_in(spec):
        if tensor in held or tensor.traits:
            continue
        reading = backend.read(backend.build(tensor))
        row = DTYPES[tensor.dtype]
        if reading.words is not None and not (reading.shape == tensor.shape and equal(reading.words, logical_words(tensor), row)):
            return f"{backend.name} itself does not hold the bits of {tensor!r}"
        held.add(tensor)
    return None


def other_tree(backend: Backend, spec: Spec, expected: Any) -> Any:
    """A tree of the same structure in which every tensor has other values; failing that, one; None where none can."""
    wanted = sum(1 for tensor in tensors_in(expected) if 0 not in backend.read(tensor).shape)
    best, most = None, 0
    for attempted in range(1, 20):
        template = build_tree(other_values(spec, attempted), backend)
        paths = {each.path for each in differences(template, expected) if each.aspect in ("values", "nan-payload")}
        if len(paths) > most:
            best, most = template, len(paths)
        if most >= wanted > 0:
            break
    return best
