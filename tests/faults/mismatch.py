"""Faults for the family `mismatch`: loaders that silently accept a file that does not match."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend, get_models
from pytest_ckpt.backends.numpy_dtypes import numpy_dtype
from pytest_ckpt.compare.tensors import read
from pytest_ckpt.execution.model_io import flatten, unflatten
from pytest_ckpt.specs import Fill, TensorSpec

from .checksummed import MakeFormat
from .reference import Reference, reference_format, reference_with_template


def _loads_silently(select: Callable[[str, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]) -> tuple[MakeFormat, MakeFormat]:
    """Return two formats, for models and for templates, that load a part of the file silently.

    ``select(backend, file, own)`` returns the leaves to load, by name.
    """

    def for_models(backend: str) -> Format:
        reference = Reference(backend)

        def load_model(path: pathlib.Path, model: Any) -> None:
            state, _ = reference.load(path)
            own = reference.models.state(model)
            taken = select(backend, flatten(state), flatten(own))
            reference.models.load_state(model, unflatten({**flatten(own), **taken}, own))

        return dataclasses.replace(reference_format(backend), name="planted", load_model=load_model)

    def for_trees(backend: str) -> Format:
        reference = Reference(backend)

        def load(path: pathlib.Path, template: Any) -> Any:
            tree = reference.load(path)
            return {**template, **select(backend, tree, template)} if isinstance(tree, dict) else tree

        return dataclasses.replace(reference_with_template(backend), name="planted", load=load)

    return for_models, for_trees


def _matching_leaves(backend: str, file: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves that have the same name, shape and dtype on both sides."""
    found = {}
    for name in file.keys() & own.keys():
        ours, theirs = read(file[name]), read(own[name])
        if ours is not None and theirs is not None and (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype):
            found[name] = file[name]
    return found


def _leaves_by_position(backend: str, file: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves of the file in order, under the names of the template."""
    return dict(zip(own, file.values(), strict=False))


def _cast_leaves(backend: str, file: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves of the file, cast to the dtypes of the template."""
    found = {}
    for name in file.keys() & own.keys():
        ours, theirs = read(file[name]), read(own[name])
        assert ours is not None
        assert theirs is not None
        array = np.ascontiguousarray(ours.words).view(numpy_dtype(ours.dtype)).astype(numpy_dtype(theirs.dtype))
        bits = array.reshape(-1).view(f"u{array.itemsize}").tolist()
        found[name] = get_backend(backend).build(TensorSpec(theirs.dtype, theirs.shape, fill=Fill(specials=tuple(enumerate(bits)))))
    return found


#: By case: the formats for models and for templates.
_MISMATCH: dict[str, tuple[MakeFormat, MakeFormat]] = {
    **dict.fromkeys(("missing", "extra", "renamed", "wrong-shape", "empty-state"), _loads_silently(_matching_leaves)),
    "wrong-dtype": _loads_silently(_cast_leaves),
    "other-order": _loads_silently(_leaves_by_position),
}


def _ignores_requested_names(backend: str) -> Format:
    """Load all matching leaves, although only some names were requested."""
    reference = Reference(backend)

    def load_partial(path: pathlib.Path, model: Any, names: list[str]) -> None:
        state, _ = reference.load(path)
        own = reference.models.state(model)
        reference.models.load_state(model, unflatten({**flatten(own), **_matching_leaves(backend, flatten(state), flatten(own))}, own))

    return dataclasses.replace(reference_format(backend), name="planted", load_partial=load_partial)


def mismatch_faults(case: str, backend: str) -> dict[str, Format]:
    """Return the formats that the check ``mismatch/case`` must fail, by the name of the fault."""
    if case == "partial":
        return {"ignores_requested_names": _ignores_requested_names(backend)}
    if case == "64-bit-off":
        reference = Reference(backend)
        load = reference.functions.load_narrowed(reference)
        return {"narrows_silently": dataclasses.replace(reference_format(backend), name="planted", load=load)}
    models, trees = _MISMATCH[case]
    # Flax sorts the state of a module, so its models have no other order.
    has_models = get_models(backend) is not None and (case, backend) != ("other-order", "jax")
    faults = {"loads_model_silently": models(backend)} if has_models else {}
    return faults if case == "empty-state" else {**faults, "loads_template_silently": trees(backend)}
