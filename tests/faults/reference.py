"""One format for each backend that keeps everything, so that a check which fails it is wrong.

A tree is pickled with its tensors taken out; the backend's store packs those, with their memory, flags and classes.
"""

from __future__ import annotations

import importlib
import io
import pathlib
import pickle
from typing import Any

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend


def store_of(backend: str) -> Any:
    return importlib.import_module(f"tests.faults.stores.{backend}")


class Reference:
    """The save and the load function for one backend."""

    def __init__(self, backend: str) -> None:
        self.backend = get_backend(backend)
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


def reference_format(backend: str) -> Format:
    reference = Reference(backend)
    return Format(name=f"reference-{backend}", backend=backend, save=reference.save, load=reference.load)
