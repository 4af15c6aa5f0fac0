"""A format for each backend that preserves everything; a check that it fails is wrong.

A tree is pickled without its tensors. The backend's functions serialize the tensors with their
memory, flags and classes. A model is saved as its state and flags, a training run as its state.
"""

from __future__ import annotations

import importlib
import io
import pathlib
import pickle
from collections.abc import Mapping
from typing import Any

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend, get_models
from pytest_ckpt.compare.tensors import read
from pytest_ckpt.execution.model_io import flatten, unflatten


def functions_of(backend: str) -> Any:
    """Return the module of `tests.faults.backends` for a backend."""
    return importlib.import_module(f"tests.faults.backends.{backend}")


class Reference:
    """The save and load functions for one backend."""

    def __init__(self, backend: str) -> None:
        self.backend = get_backend(backend)
        self.models = get_models(backend)
        self.functions = functions_of(backend)

    def save(self, tree: Any, path: pathlib.Path) -> None:
        tensors: list[Any] = []
        places: dict[int, int] = {}
        backend = self.backend

        class Pickler(pickle.Pickler):
            def persistent_id(self, obj: Any) -> int | None:
                if not backend.owns(obj):
                    return None
                if id(obj) not in places:
                    places[id(obj)] = len(tensors)
                    tensors.append(obj)
                return places[id(obj)]

        structure = io.BytesIO()
        Pickler(structure).dump(tree)
        with path.open("wb") as file:
            pickle.dump((self.functions.serialize(tensors), structure.getvalue()), file)

    def load(self, path: pathlib.Path) -> Any:
        with path.open("rb") as file:
            serialized, structure = pickle.load(file)
        tensors = self.functions.deserialize(serialized)

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, place: Any) -> Any:
                return tensors[place]

        return Unpickler(io.BytesIO(structure)).load()

    def load_like(self, path: pathlib.Path, template: Any) -> Any:
        """Return the saved tree. Raise ValueError if the template has another structure."""
        loaded = self.load(path)
        if isinstance(loaded, Mapping):
            _raise_on_mismatch(loaded, template)
        else:
            _raise_on_mismatch({"": loaded}, {"": template})
        return loaded

    def save_model(self, model: Any, path: pathlib.Path) -> None:
        self.save((self.models.state(model), self.functions.flags_of(model)), path)

    def load_model(self, path: pathlib.Path, model: Any) -> None:
        state, flags = self.load(path)
        self.restore_model(model, state, flags)

    def restore_model(self, model: Any, state: Any, flags: Any) -> None:
        """Load a state and flags into a model. Raise ValueError if they do not match it."""
        # The framework itself checks the names. A model that was never called lacks some of them.
        own, names = flatten(self.models.state(model)), flatten(state)
        _raise_on_mismatch({name: names[name] for name in names if name in own}, {name: own[name] for name in own if name in names})
        self.models.load_state(model, state)
        self.functions.set_flags(model, flags)

    def load_partial(self, path: pathlib.Path, model: Any, names: list[str]) -> None:
        state, _ = self.load(path)
        own = self.models.state(model)
        self.models.load_state(model, unflatten({**flatten(own), **{name: flatten(state)[name] for name in names}}, own))


def _raise_on_mismatch(loaded: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    if loaded.keys() != own.keys():
        raise ValueError(f"the file has the names {sorted(loaded)}, but the template has {sorted(own)}")
    for name, leaf in loaded.items():
        ours, theirs = read(leaf), read(own[name])
        # The size of a lazy layer is unknown until its first call.
        unknown = ours is None or theirs is None or theirs.words is None
        if not unknown and (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            raise ValueError(f"{name}: the file has {ours.dtype} {ours.shape}, but the template has {theirs.dtype} {theirs.shape}")


def reference_format(backend: str) -> Format:
    """Return the reference format, with functions for models if the backend has models."""
    reference = Reference(backend)
    functions: dict[str, Any] = {"save": reference.save, "load": reference.load}
    if reference.models is not None:
        functions.update({name: getattr(reference, name) for name in ("save_model", "load_model", "load_partial")})
    return Format(name=f"reference-{backend}", backend=backend, **functions)


def reference_with_template(backend: str) -> Format:
    """Return the reference format with a load function that takes a template."""
    reference = Reference(backend)
    return Format(name=f"template-{backend}", backend=backend, save=reference.save, load=reference.load_like, template=True)
