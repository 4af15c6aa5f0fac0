"""numpy's own formats: `.npy` and `.npz`, as their documentation shows them."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from .base import Format


def _save(array: Any, path: pathlib.Path) -> None:
    np.save(path, array)


def _load(path: pathlib.Path) -> Any:
    return np.load(path)


def _savez(arrays: Any, path: pathlib.Path) -> None:
    np.savez(path, **arrays)


def _loadz(path: pathlib.Path) -> Any:
    with np.load(path) as file:
        return dict(file)


FORMATS = (
    Format(name="numpy.save", backend="numpy", save=_save, load=_load, accepts="tensor", suffix=".npy"),
    Format(name="numpy.savez", backend="numpy", save=_savez, load=_loadz, accepts="dict", suffix=".npz"),
)
