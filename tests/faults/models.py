"""Faults for the families `model` and `mismatch`: the reference format, but for one thing that it loses or lets pass."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend, get_models
from pytest_ckpt.backends.numpy_dtypes import numpy_dtype
from pytest_ckpt.compare.trees import read
from pytest_ckpt.execution.model import flat, unflattened
from pytest_ckpt.specs import DTYPES, Fill, TensorSpec

from .reference import Reference, reference_format, reference_with_template

Formats = Callable[[str], Format]


def zeros_like(backend: str, tensor: Any) -> Any:
    """A plain tensor of zeros."""
    reading = read(tensor)
    assert reading is not None
    if reading.dtype not in DTYPES:
        return get_backend(backend).build(TensorSpec("uint32", reading.shape))
    return get_backend(backend).build(TensorSpec(reading.dtype, reading.shape))


def through(backend: str, tensor: Any, dtype: str) -> Any:
    """The values of a tensor after a detour through another dtype."""
    reading = read(tensor)
    assert reading is not None
    original = numpy_dtype(reading.dtype)
    array = np.ascontiguousarray(reading.words).view(original).astype(numpy_dtype(dtype)).astype(original)
    bits = array.reshape(-1).view(f"u{array.itemsize}").tolist()
    return get_backend(backend).build(TensorSpec(reading.dtype, reading.shape, fill=Fill(specials=tuple(enumerate(bits)))))


def _loaded(
    before: Callable[[str, dict[str, Any]], None] = lambda backend, names: None,
    after: Callable[[Any, Any], None] = lambda store, model: None,
) -> Formats:
    """A format that alters the state (with dotted names) before it is loaded, or the model afterwards."""

    def make(backend: str) -> Format:
        reference = Reference(backend)

        def load_model(path: pathlib.Path, model: Any) -> None:
            state, flags = reference.load(path)
            names = flat(state)
            before(backend, names)
            reference.put(model, unflattened(names, state), flags)
            after(reference.store, model)

        return dataclasses.replace(reference_format(backend), name="planted", load_model=load_model)

    return make


def _state(change: Callable[[str, dict[str, Any]], None]) -> Formats:
    """What becomes of the state before it is loaded."""
    return _loaded(before=change)


def _afterwards(change: Callable[[Any, Any], None]) -> Formats:
    """What becomes of the model once its state was loaded: ``change(store, model)``."""
    return _loaded(after=change)


def _forget(wanted: Callable[[str], bool]) -> Formats:
    """The last tensor whose name is wanted comes back as zeros."""

    def change(backend: str, names: dict[str, Any]) -> None:
        for name in reversed(names):
            if wanted(name) and (reading := read(names[name])) is not None and reading.words is not None and reading.words.any():
                names[name] = zeros_like(backend, names[name])
                break

    return _state(change)


def _extra_state(backend: str, names: dict[str, Any]) -> None:
    for name in names:
        if name.endswith("scale"):
            names[name] = 1.0


def _cast(backend: str, names: dict[str, Any]) -> None:
    """Everything wider than half precision takes a detour through it, everything else through a byte."""
    for name, tensor in names.items():
        reading = read(tensor)
        if reading is not None and reading.dtype != "float32" and DTYPES[reading.dtype].kind == "float":
            names[name] = through(backend, tensor, "float8_e5m2")


def _swapped(backend: str, names: dict[str, Any]) -> None:
    """Two tensors of one shape change places."""
    for first in names:
        for second in names:
            ours, theirs = read(names[first]), read(names[second])
            alike = ours is not None and theirs is not None and first < second and ours.words is not None and theirs.words is not None
            if alike and (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype) and not np.array_equal(ours.words, theirs.words):
                names[first], names[second] = names[second], names[first]
                return


def _keeping(which: int) -> Formats:
    """The flags of one kind stay what they were in the clone: 0 what is frozen, 1 the mode."""

    def make(backend: str) -> Format:
        reference = Reference(backend)

        def load_model(path: pathlib.Path, model: Any) -> None:
            state, flags = reference.load(path)
            own = reference.store.flags_of(model)
            reference.put(model, state, tuple(own[place] if place == which else each for place, each in enumerate(flags)))

        return dataclasses.replace(reference_format(backend), name="planted", load_model=load_model)

    return make


def _frozen_left_out(backend: str) -> Format:
    reference = Reference(backend)

    def load_model(path: pathlib.Path, model: Any) -> None:
        state, flags = reference.load(path)
        own = flat(reference.models.state(model))
        names = {name: own[name] if flags[0].get(name) else value for name, value in flat(state).items()}
        reference.put(model, unflattened(names, state), flags)

    return dataclasses.replace(reference_format(backend), name="planted", load_model=load_model)


def _unsaved(store: Any, model: Any) -> None:
    """Buffers that are not saved are zeroed by loading."""
    look = get_models("torch").read(model)
    for name in look.unsaved:
        store.zero(look.tensors[name])


def _without_settings(backend: str) -> Format:
    store = Reference(backend).store
    functions = store.whole()

    def load_model(path: pathlib.Path) -> Any:
        model = functions["load_model"](path)
        store.forget_settings(model)
        return model

    return Format(
        name="planted", backend=backend, save_model=functions["save_model"], load_model=load_model, whole_model=True,
        suffix=functions.get("suffix", ""),
    )  # fmt: skip


def whole_format(backend: str) -> Format:
    """The format that keeps what layers were configured with."""
    return Format(name=f"whole-{backend}", backend=backend, whole_model=True, **Reference(backend).store.whole())


_last = _forget(lambda name: True)
_MODEL: dict[str, Formats] = {
    "extra-state": _state(_extra_state),
    "tied": _afterwards(lambda store, model: store.untie(model)),
    "shared-module": _afterwards(lambda store, model: store.separate(model)),
    "frozen": _keeping(0),
    "mode": _keeping(1),
    "frozen-values": _frozen_left_out,
    "mixed-dtype": _state(_cast),
    "buffers": _forget(lambda name: "shift" in name or "buffer" in name),
    "architecture": _without_settings,
    "nested": _forget(lambda name: name.count(".") + name.count("/") > 2),
}


def model_fault(case: str, backend: str) -> Format:
    """The plain fault: what the case asks about, or the last tensor, is not loaded."""
    return _MODEL.get(case, _last)(backend)


def _altering_what_was_saved(backend: str) -> Format:
    """Loading writes into the model that was saved, which the format has kept hold of."""
    reference = Reference(backend)
    kept: list[Any] = []

    def save_model(model: Any, path: pathlib.Path) -> None:
        kept[:] = [model]
        reference.save_model(model, path)

    def load_model(path: pathlib.Path, model: Any) -> None:
        own = reference.models.state(model)
        names = {name: zeros_like(backend, leaf) if read(leaf) is not None else leaf for name, leaf in flat(own).items()}
        reference.load_model(path, model)
        if kept:
            reference.models.load_state(kept[0], unflattened(names, own))

    return dataclasses.replace(reference_format(backend), name="planted", save_model=save_model, load_model=load_model)


#: Faults of models that hide behind a part that is kept: by name and the cases that have to see them.
HIDDEN_MODELS: dict[tuple[str, tuple[str, ...]], Formats] = {
    ("statistics", ("batch-norm",)): _forget(lambda name: name.endswith("mean")),
    ("first-layer", ("list", "lstm", "dense")): _state(lambda backend, names: names.update(_first_zeroed(backend, names))),
    ("swapped", ("list", "shared-module")): _state(_swapped),
    ("what-was-saved", ("dense",)): _altering_what_was_saved,
}


def _first_zeroed(backend: str, names: dict[str, Any]) -> dict[str, Any]:
    first = next(name for name, leaf in names.items() if (it := read(leaf)) is not None and it.words is not None and it.words.any())
    return {first: zeros_like(backend, names[first])}


def _quietly(pick: Callable[[str, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]) -> tuple[Formats, Formats]:
    """Formats whose loaders, for a model and for a template, take what ``pick(backend, file, own)`` gives, and say nothing."""

    def for_models(backend: str) -> Format:
        reference = Reference(backend)

        def load_model(path: pathlib.Path, model: Any) -> None:
            state, _ = reference.load(path)
            own = reference.models.state(model)
            taken = pick(backend, flat(state), flat(own))
            reference.models.load_state(model, unflattened({**flat(own), **taken}, own))

        return dataclasses.replace(reference_format(backend), name="planted", load_model=load_model)

    def for_trees(backend: str) -> Format:
        reference = Reference(backend)

        def load(path: pathlib.Path, template: Any) -> Any:
            tree = reference.load(path)
            return {**template, **pick(backend, tree, template)} if isinstance(tree, dict) else tree

        return dataclasses.replace(reference_with_template(backend), name="planted", load=load)

    return for_models, for_trees


def _fitting(backend: str, file: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What has the same name, shape and dtype on both sides."""
    found = {}
    for name in file.keys() & own.keys():
        ours, theirs = read(file[name]), read(own[name])
        if ours is not None and theirs is not None and (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype):
            found[name] = file[name]
    return found


def _by_place(backend: str, file: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The first of the file for the first here, whatever they are called."""
    return dict(zip(own, file.values(), strict=False))


def _cast_quietly(backend: str, file: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name in file.keys() & own.keys():
        ours, theirs = read(file[name]), read(own[name])
        assert ours is not None
        assert theirs is not None
        array = np.ascontiguousarray(ours.words).view(numpy_dtype(ours.dtype)).astype(numpy_dtype(theirs.dtype))
        bits = array.reshape(-1).view(f"u{array.itemsize}").tolist()
        found[name] = get_backend(backend).build(TensorSpec(theirs.dtype, theirs.shape, fill=Fill(specials=tuple(enumerate(bits)))))
    return found


_MISMATCH: dict[str, tuple[Formats, Formats]] = {
    **dict.fromkeys(("missing", "extra", "renamed", "wrong-shape", "empty-state"), _quietly(_fitting)),
    "wrong-dtype": _quietly(_cast_quietly),
    "other-order": _quietly(_by_place),
}


def _everything(backend: str) -> Format:
    """Loads all that fits where only a part was asked for."""
    reference = Reference(backend)

    def load_partial(path: pathlib.Path, model: Any, names: list[str]) -> None:
        state, _ = reference.load(path)
        own = reference.models.state(model)
        reference.models.load_state(model, unflattened({**flat(own), **_fitting(backend, flat(state), flat(own))}, own))

    return dataclasses.replace(reference_format(backend), name="planted", load_partial=load_partial)


def mismatch_faults(case: str, backend: str) -> dict[str, Format]:
    """The loaders that let pass what this case asks about: one of models, where there are any, and one of templates."""
    if case == "partial":
        return {"plain": _everything(backend)}
    if case == "64-bit-off":
        store = Reference(backend).store
        return {"plain": dataclasses.replace(reference_format(backend), name="planted", load=store.load_narrowed(Reference(backend)))}
    models, trees = _MISMATCH[case]
    # Flax sorts what it takes out of a module, so models of it have no order that could be another.
    asked = get_models(backend) is not None and (case, backend) != ("other-order", "jax")
    faults = {"plain": models(backend)} if asked else {}
    return faults if case == "empty-state" else {**faults, "template": trees(backend)}
