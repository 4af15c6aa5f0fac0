"""Faults for the family `model`: the reference format without one part of a model."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend
from pytest_ckpt.backends.numpy_dtypes import numpy_dtype
from pytest_ckpt.compare.tensors import read
from pytest_ckpt.execution.model_io import flatten, unflatten
from pytest_ckpt.specs import DTYPES, Fill, TensorSpec

from .checksummed import MakeFormat
from .reference import Reference, reference_format


def zeros_like(backend: str, tensor: Any) -> Any:
    """Return a plain tensor of zeros with the same dtype and shape."""
    reading = read(tensor)
    assert reading is not None
    if reading.dtype not in DTYPES:
        return get_backend(backend).build(TensorSpec("uint32", reading.shape))
    return get_backend(backend).build(TensorSpec(reading.dtype, reading.shape))


def cast_and_back(backend: str, tensor: Any, dtype: str) -> Any:
    """Return a tensor cast to another dtype and back."""
    reading = read(tensor)
    assert reading is not None
    original = numpy_dtype(reading.dtype)
    array = np.ascontiguousarray(reading.words).view(original).astype(numpy_dtype(dtype)).astype(original)
    bits = array.reshape(-1).view(f"u{array.itemsize}").tolist()
    return get_backend(backend).build(TensorSpec(reading.dtype, reading.shape, fill=Fill(specials=tuple(enumerate(bits)))))


def _changes_model(
    before: Callable[[str, dict[str, Any]], None] = lambda backend, names: None,
    after: Callable[[Any, Any], None] = lambda functions, model: None,
) -> MakeFormat:
    """Change the state (by dotted names) before it is loaded, or the model after loading.

    The arguments are called as ``before(backend, names)`` and ``after(functions, model)``.
    """

    def make(backend: str) -> Format:
        reference = Reference(backend)

        def load_model(path: pathlib.Path, model: Any) -> None:
            state, flags = reference.load(path)
            names = flatten(state)
            before(backend, names)
            reference.restore_model(model, unflatten(names, state), flags)
            after(reference.functions, model)

        return dataclasses.replace(reference_format(backend), name="planted", load_model=load_model)

    return make


def _zeroes_tensor(matches: Callable[[str], bool]) -> MakeFormat:
    """Load zeros for the last nonzero tensor whose name matches."""

    def change(backend: str, names: dict[str, Any]) -> None:
        for name in reversed(names):
            if matches(name) and (reading := read(names[name])) is not None and reading.words is not None and reading.words.any():
                names[name] = zeros_like(backend, names[name])
                break

    return _changes_model(before=change)


def _replace_scale_by_one(backend: str, names: dict[str, Any]) -> None:
    for name in names:
        if name.endswith("scale"):
            names[name] = 1.0


def _cast_through_float8(backend: str, names: dict[str, Any]) -> None:
    """Cast every tensor of another float dtype than float32 to float8 and back."""
    for name, tensor in names.items():
        reading = read(tensor)
        if reading is not None and reading.dtype != "float32" and DTYPES[reading.dtype].kind == "float":
            names[name] = cast_and_back(backend, tensor, "float8_e5m2")


def _swap_tensors(backend: str, names: dict[str, Any]) -> None:
    """Swap the first two tensors that have the same shape and dtype and different values."""
    for first in names:
        for second in names:
            ours, theirs = read(names[first]), read(names[second])
            alike = ours is not None and theirs is not None and first < second and ours.words is not None and theirs.words is not None
            if alike and (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype) and not np.array_equal(ours.words, theirs.words):
                names[first], names[second] = names[second], names[first]
                return


def _keeps_flags_of_clone(which: int) -> MakeFormat:
    """Do not restore one kind of flag: 0 for frozen parameters, 1 for training mode."""

    def make(backend: str) -> Format:
        reference = Reference(backend)

        def load_model(path: pathlib.Path, model: Any) -> None:
            state, flags = reference.load(path)
            own = reference.functions.flags_of(model)
            reference.restore_model(model, state, tuple(own[place] if place == which else each for place, each in enumerate(flags)))

        return dataclasses.replace(reference_format(backend), name="planted", load_model=load_model)

    return make


def _skips_frozen_tensors(backend: str) -> Format:
    reference = Reference(backend)

    def load_model(path: pathlib.Path, model: Any) -> None:
        state, flags = reference.load(path)
        own = flatten(reference.models.state(model))
        names = {name: own[name] if flags[0].get(name) else value for name, value in flatten(state).items()}
        reference.restore_model(model, unflatten(names, state), flags)

    return dataclasses.replace(reference_format(backend), name="planted", load_model=load_model)


def _resets_layer_settings(backend: str) -> Format:
    """Save whole models, and reset the settings of their layers to the defaults."""
    functions = Reference(backend).functions
    whole = functions.whole_model_functions()

    def load_model(path: pathlib.Path) -> Any:
        model = whole["load_model"](path)
        functions.reset_settings(model)
        return model

    return Format(
        name="planted", backend=backend, save_model=whole["save_model"], load_model=load_model, whole_model=True,
        suffix=whole.get("suffix", ""),
    )  # fmt: skip


def whole_format(backend: str) -> Format:
    """Return a format for whole models that preserves the settings of their layers."""
    return Format(name=f"whole-{backend}", backend=backend, whole_model=True, **Reference(backend).functions.whole_model_functions())


#: The basic fault of a case, where it is more than a tensor of zeros.
_MODEL: dict[str, MakeFormat] = {
    "extra-state": _changes_model(before=_replace_scale_by_one),
    "tied": _changes_model(after=lambda functions, model: functions.untie(model)),
    "shared-module": _changes_model(after=lambda functions, model: functions.copy_shared_modules(model)),
    "frozen": _keeps_flags_of_clone(0),
    "mode": _keeps_flags_of_clone(1),
    "frozen-values": _skips_frozen_tensors,
    "mixed-dtype": _changes_model(before=_cast_through_float8),
    "buffers": _zeroes_tensor(lambda name: "shift" in name or "buffer" in name),
    "architecture": _resets_layer_settings,
    "nested": _zeroes_tensor(lambda name: name.count(".") + name.count("/") > 2),
}


def model_fault(case: str, backend: str) -> Format:
    """Return the basic fault: it does not restore what the case tests, or else the last tensor."""
    return _MODEL.get(case, _zeroes_tensor(lambda name: True))(backend)


def _load_zeroes_saved_model(backend: str) -> Format:
    """Keep a reference to the saved model, and zero its tensors when the file is loaded."""
    reference = Reference(backend)
    saved: list[Any] = []

    def save_model(model: Any, path: pathlib.Path) -> None:
        saved[:] = [model]
        reference.save_model(model, path)

    def load_model(path: pathlib.Path, model: Any) -> None:
        own = reference.models.state(model)
        names = {name: zeros_like(backend, leaf) if read(leaf) is not None else leaf for name, leaf in flatten(own).items()}
        reference.load_model(path, model)
        if saved:
            reference.models.load_state(saved[0], unflatten(names, own))

    return dataclasses.replace(reference_format(backend), name="planted", save_model=save_model, load_model=load_model)


def _zero_first_tensor(backend: str, names: dict[str, Any]) -> None:
    first = next(name for name, leaf in names.items() if (it := read(leaf)) is not None and it.words is not None and it.words.any())
    names[first] = zeros_like(backend, names[first])


#: More faults, by name and by the cases that must notice them.
MORE_MODEL_FAULTS: dict[tuple[str, tuple[str, ...]], MakeFormat] = {
    ("zeroes_running_mean", ("batch-norm",)): _zeroes_tensor(lambda name: name.endswith("mean")),
    ("zeroes_first_tensor", ("list", "lstm", "dense")): _changes_model(before=_zero_first_tensor),
    ("swaps_tensors", ("list", "shared-module")): _changes_model(before=_swap_tensors),
    ("load_zeroes_saved_model", ("dense",)): _load_zeroes_saved_model,
}


def model_faults(case: str, backend: str) -> dict[str, Format]:
    """Return the formats that the check ``model/case`` must fail, by the name of the fault."""
    more = {name: make(backend) for (name, cases), make in MORE_MODEL_FAULTS.items() if case in cases}
    return {"does_not_restore_part": model_fault(case, backend), **more}
