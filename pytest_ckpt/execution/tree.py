"""Run an example of a tree: save it, load it, and compare it with the same tree built again."""

from __future__ import annotations

from typing import Any

from ..backends.base import Backend
from ..backends.spec_values import logical_words
from ..backends.tree_builder import build_tree
from ..compare.elements import equal
from ..compare.tensors import same_object, tensors_in
from ..compare.trees import differences
from ..specs import DTYPES, Spec, TensorSpec, other_values, payload_of, tensor_specs_in
from ..verdicts import Observation
from .context import Workspace
from .user_code import PROVES_NOTHING, SAME_OBJECT, call_user_code, inspect_loaded, save_and_wait


def run_tree(workspace: Workspace, spec: Spec) -> Observation:
    """Save and load a tree. Raise EarlyResult and CannotBuild.

    The expected tree is built after the save, so it is never the object that `save` received.
    """
    format, backend = workspace.format, workspace.context.backend
    assert format.save is not None
    assert format.load is not None
    saved = build_tree(spec, backend)
    if reason := _not_held(backend, spec, workspace.context.held_tensors):
        return Observation(skipped=reason)
    size = save_and_wait(format, format.save, saved, workspace.path)
    expected = build_tree(spec, backend)
    arguments: tuple[Any, ...] = ()
    if format.template:
        template = other_tree(backend, spec, expected)
        if template is None:
            return Observation(skipped=f"no template with other values can be built, {PROVES_NOTHING}")
        arguments = (template,)
    loaded = call_user_code("load", format.load, workspace.path, *arguments)
    if call_user_code("load", inspect_loaded, same_object, loaded, saved):
        return Observation(unreadable=SAME_OBJECT)
    found = call_user_code("load", inspect_loaded, differences, loaded, expected)
    excess = None
    payload = payload_of(spec)
    if workspace.size_limit is not None and size > (allowed := workspace.size_limit(payload)):
        excess = f"{size} bytes on disk for {payload} bytes of values (allowed: {allowed})"
    return Observation(differences=tuple(found), excess=excess)


def _not_held(backend: Backend, spec: Spec, held: set[TensorSpec]) -> str | None:
    """Return why the framework itself does not hold the bits that the format would have to preserve, or None if it does.

    Tensors that it holds are added to ``held``.
    """
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
    """Return a tree of the same structure in which as many tensors as possible have other values; None if none can differ."""
    wanted = sum(1 for tensor in tensors_in(expected) if 0 not in backend.read(tensor).shape)
    best, most = None, 0
    for attempt in range(1, 20):
        template = build_tree(other_values(spec, attempt), backend)
        paths = {each.path for each in differences(template, expected) if each.aspect in ("values", "nan-payload")}
        if len(paths) > most:
            best, most = template, len(paths)
        if most >= wanted > 0:
            break
    return best
