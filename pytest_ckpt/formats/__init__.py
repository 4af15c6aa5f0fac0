"""The formats that ship with the plugin, by name, each loaded when it is first used; third parties add theirs by an entry point."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
from typing import Any

from ..backends import is_installed
from ..util.entry_points import entry_points, load_entry_point, record_failure
from ..util.suggestions import nearest
from .base import DOMAINS, Format

ENTRY_POINTS = "pytest_ckpt.formats"


@dataclasses.dataclass(frozen=True)
class Shipped:
    """Where a built-in format is, and what it needs: its backend, and the distributions beside that, each with the extra of
    this project that brings it."""

    backend: str
    module: str
    needs: tuple[tuple[str, str], ...] = ()


_SAFETENSORS = (("safetensors", "safetensors"),)
_KERAS = (("keras", "tensorflow"),)
_FLAX = (("flax", "jax"),)
_ORBAX = (("orbax-checkpoint", "jax"),)

#: In the order in which they are asked: of each backend first what takes longest, so that with -n nobody waits for it at the end.
BUILTIN: dict[str, Shipped] = {
    "zarr.group": Shipped("numpy", "zarr", (("zarr", "zarr"),)),
    "numpy.save": Shipped("numpy", "npy"),
    "numpy.save-pickled": Shipped("numpy", "npy"),
    "numpy.savez": Shipped("numpy", "npz"),
    "numpy.savez-compressed": Shipped("numpy", "npz"),
    "numpy.pickle": Shipped("numpy", "pickled"),
    "safetensors.numpy": Shipped("numpy", "safetensors", _SAFETENSORS),
    "h5py.group": Shipped("numpy", "h5py", (("h5py", "h5py"),)),
    "torch.export": Shipped("torch", "export"),
    "torch.distributed-checkpoint": Shipped("torch", "distributed"),
    "torch.save": Shipped("torch", "save"),
    "torch.save-unrestricted": Shipped("torch", "save"),
    "torch.module": Shipped("torch", "module"),
    "safetensors.torch": Shipped("torch", "safetensors", _SAFETENSORS),
    "safetensors.torch-model": Shipped("torch", "safetensors", _SAFETENSORS),
    "keras.h5": Shipped("tensorflow", "legacy_h5", _KERAS),
    "tensorflow.saved-model": Shipped("tensorflow", "saved_model"),
    "tensorflow.checkpoint": Shipped("tensorflow", "checkpoint"),
    "tensorflow.numpy-save": Shipped("tensorflow", "npy"),
    "tensorflow.serialize-tensor": Shipped("tensorflow", "serialized"),
    "keras.weights-h5": Shipped("tensorflow", "weights_h5", _KERAS),
    "keras.keras": Shipped("tensorflow", "keras", _KERAS),
    "safetensors.tensorflow": Shipped("tensorflow", "safetensors", _SAFETENSORS),
    "flax.checkpoints": Shipped("jax", "flax_checkpoints", _FLAX + _ORBAX),
    "orbax.standard": Shipped("jax", "orbax", _ORBAX),
    "orbax.pytree": Shipped("jax", "orbax", _ORBAX),
    "jax.numpy-save": Shipped("jax", "npy"),
    "jax.numpy-savez": Shipped("jax", "npz"),
    "flax.msgpack": Shipped("jax", "msgpack", _FLAX),
    "flax.msgpack-serialize": Shipped("jax", "msgpack", _FLAX),
    "safetensors.flax": Shipped("jax", "safetensors", _FLAX + _SAFETENSORS),
    "mxnet.parameters": Shipped("mxnet", "parameters"),
    "mxnet.export": Shipped("mxnet", "export"),
    "mxnet.npx-save": Shipped("mxnet", "arrays"),
    "mxnet.nd-save": Shipped("mxnet", "arrays"),
}


def known_formats() -> tuple[str, ...]:
    """The names of all formats, whether what they need is installed or not: the built-in ones, then those of third parties."""
    return (*BUILTIN, *(name for name in entry_points(ENTRY_POINTS) if name not in BUILTIN))


def installed_formats() -> tuple[str, ...]:
    """The names of the formats whose framework is there; other things that they need may be missing."""
    return tuple(name for name in known_formats() if name not in BUILTIN or is_installed(BUILTIN[name].backend))


def backend_of(name: str) -> str:
    """Return the backend of a known format. A third-party format is loaded; if that fails, return "unknown" (see `missing`)."""
    if name in BUILTIN:
        return BUILTIN[name].backend
    try:
        return get_format(name).backend
    except (ImportError, TypeError):
        return "unknown"


def missing(name: str) -> str | None:
    """Return what a known format needs and is not installed, and what to do; None if nothing is missing.

    For a built-in format, nothing is imported. A third-party format is loaded; if that fails, return the error.
    """
    if name not in BUILTIN:
        try:
            get_format(name)
        except (ImportError, TypeError) as error:
            return str(error)
        return None
    shipped = BUILTIN[name]
    if not is_installed(shipped.backend):
        return f"needs the backend {shipped.backend!r}: pip install 'pytest-ckpt[{shipped.backend}]'"
    for distribution, extra in shipped.needs:
        try:
            importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return f"needs {distribution}: pip install 'pytest-ckpt[{extra}]'"
    return None


@functools.cache
def get_format(name: str) -> Format:
    """The format called ``name``. Raises ValueError with the nearest name, or ImportError if something that it needs is missing."""
    if name in BUILTIN:
        if (lacks := missing(name)) is not None:
            raise ImportError(f"the format {name!r} {lacks}")
        shipped = BUILTIN[name]
        module: Any = importlib.import_module(f"{__name__}.{shipped.backend}.{shipped.module}")
        formats: tuple[Format, ...] = module.FORMATS
        return next(format for format in formats if format.name == name)
    if name not in entry_points(ENTRY_POINTS):
        raise ValueError(f"unknown format {name!r}: {nearest(name, known_formats())}")
    found = load_entry_point(ENTRY_POINTS, name)
    if not isinstance(found, Format):
        raise TypeError(str(record_failure(ENTRY_POINTS, name, f"it must be a pytest_ckpt.Format, not {type(found).__name__}")))
    return found


__all__ = ["BUILTIN", "DOMAINS", "Format", "Shipped", "backend_of", "get_format", "installed_formats", "known_formats", "missing"]
