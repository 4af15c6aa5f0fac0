"""The formats that ship with the plugin, by name, each loaded when it is first used; third parties add theirs by an entry point."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from typing import Any

from ..backends import is_installed
from ..specs import nearest
from .base import DOMAINS, Format

ENTRY_POINTS = "pytest_ckpt.formats"

#: Name, and the backend whose module in this package holds it in its `FORMATS`.
BUILTIN: dict[str, str] = {
    "numpy.save": "numpy",
    "numpy.savez": "numpy",
    "torch.save": "torch",
    "torch.module": "torch",
    "tensorflow.numpy-save": "tensorflow",
    "keras.weights-h5": "tensorflow",
    "keras.keras": "tensorflow",
    "tensorflow.checkpoint": "tensorflow",
    "jax.numpy-save": "jax",
    "flax.checkpoints": "jax",
    "flax.msgpack": "jax",
    "orbax.standard": "jax",
    "mxnet.npx-save": "mxnet",
    "mxnet.nd-save": "mxnet",
    "mxnet.parameters": "mxnet",
    "mxnet.export": "mxnet",
}


@functools.cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def known_formats() -> tuple[str, ...]:
    """The names of all formats, whether their framework is installed or not: the built-in ones, then those of third parties."""
    return (*BUILTIN, *(name for name in sorted(_entry_points()) if name not in BUILTIN))


def installed_formats() -> tuple[str, ...]:
    """The names of the formats whose framework is there."""
    return tuple(name for name in known_formats() if name not in BUILTIN or is_installed(BUILTIN[name]))


def backend_of(name: str) -> str:
    """The backend of a known format; that of a third party is loaded to find out."""
    return BUILTIN[name] if name in BUILTIN else get_format(name).backend


@functools.cache
def get_format(name: str) -> Format:
    """The format called ``name``. Raises ValueError with the nearest name, or ImportError if its framework is missing."""
    if name in BUILTIN:
        if not is_installed(BUILTIN[name]):
            raise ImportError(f"the format {name!r} needs the backend {BUILTIN[name]!r}: pip install 'pytest-ckpt[{BUILTIN[name]}]'")
        module: Any = importlib.import_module(f"pytest_ckpt.formats.{BUILTIN[name]}")
        formats: tuple[Format, ...] = module.FORMATS
        return next(format for format in formats if format.name == name)
    if name not in _entry_points():
        raise ValueError(f"unknown format {name!r}: {nearest(name, known_formats())}")
    found = _entry_points()[name].load()
    if not isinstance(found, Format):
        raise TypeError(f"the entry point {name!r} of {ENTRY_POINTS} has to be a Format, not {type(found).__name__}")
    return found


__all__ = ["BUILTIN", "DOMAINS", "Format", "backend_of", "get_format", "installed_formats", "known_formats"]
