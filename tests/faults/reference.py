"""One format for each backend that keeps everything, so that a check which fails it is wrong.

A tree is pickled with its tensors taken out; the backend's store packs those, with their memory, flags and classes. A model is its
state, and what the store tells of its flags; a run is its state.
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
from pytest_ckpt.compare.trees import read
from pytest_ckpt.execution.model import flat, unflattened


def store_of(backend: str) -> Any:
    return importlib.import_module(f"tests.faults.stores.{backend}")


class Reference:
    """The functions for one backend."""

    def __init__(self, backend: str) -> None:
        self.backend = get_backend(backend)
        self.models = get_models(backend)
        self.store = store_of(backend)

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
            pickle.dump((self.store.pack(tensors), structure.getvalue()), file)

    def load(self, path: pathlib.Path) -> Any:
        with path.open("rb") as file:
            packed, structure = pickle.load(file)
        tensors = self.store.unpack(packed)

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, place: Any) -> Any:
                return tensors[place]

        return Unpickler(io.BytesIO(structure)).load()

    def load_like(self, path: pathlib.Path, template: Any) -> Any:
        """What was saved; raises where the template is another tree."""
        loaded = self.load(path)
        if isinstance(loaded, Mapping):
            _check_fit(loaded, template)
        else:
            _check_fit({"": loaded}, {"": template})
        return loaded

    def save_model(self, model: Any, path: pathlib.Path) -> None:
        self.save((self.models.state(model), self.store.flags_of(model)), path)

    def load_model(self, path: pathlib.Path, model: Any) -> None:
        state, flags = self.load(path)
        self.put(model, state, flags)

    def put(self, model: Any, state: Any, flags: Any) -> None:
        # Names are looked after by the framework; a model that was never called has not all of them yet.
        own, names = flat(self.models.state(model)), flat(state)
        _check_fit({name: names[name] for name in names if name in own}, {name: own[name] for name in own if name in names})
        self.models.load_state(model, state)
        self.store.set_flags(model, flags)

    def load_partial(self, path: pathlib.Path, model: Any, names: list[str]) -> None:
        state, _ = self.load(path)
        own = self.models.state(model)
        self.models.load_state(model, unflattened({**flat(own), **{name: flat(state)[name] for name in names}}, own))


def _check_fit(loaded: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    if loaded.keys() != own.keys():
        raise ValueError(f"the file has the names {sorted(loaded)}, what it is loaded into {sorted(own)}")
    for name, leaf in loaded.items():
        ours, theirs = read(leaf), read(own[name])
        # Nothing is known of the size of a lazy layer that was never called.
        unknown = ours is None or theirs is None or theirs.words is None
        if not unknown and (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            raise ValueError(f"{name} is {ours.dtype} {ours.shape} in the file, and {theirs.dtype} {theirs.shape} here")


def reference_format(backend: str) -> Format:
    reference = Reference(backend)
    functions: dict[str, Any] = {"save": reference.save, "load": reference.load}
    if reference.models is not None:
        functions.update({name: getattr(reference, name) for name in ("save_model", "load_model", "load_partial")})
    return Format(name=f"reference-{backend}", backend=backend, **functions)


def reference_with_template(backend: str) -> Format:
    """The same, for what is loaded into a template."""
    reference = Reference(backend)
    return Format(name=f"template-{backend}", backend=backend, save=reference.save, load=reference.load_like, template=True)
