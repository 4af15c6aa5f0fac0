"""The known formats by name: the built-in ones, and those of third parties from entry points.

A format is imported when it is first used, because it imports its framework.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from typing import Any

from ..backends import is_installed
from ..util.entry_points import entry_points, load_entry_point, record_failure
from ..util.suggestions import nearest
from ..util.versions import installed_version
from .base import DOMAINS, Format

ENTRY_POINTS = "pytest_ckpt.formats"


@dataclasses.dataclass(frozen=True)
class BuiltinFormat:
    """The location and the requirements of a built-in format.

    ``module`` is a module in the folder of its backend. ``needs`` are the distributions that it
    needs in addition to the framework, each with the extra of pytest-ckpt that installs it.
    """

    backend: str
    module: str
    needs: tuple[tuple[str, str], ...] = ()


_SAFETENSORS = (("safetensors", "safetensors"),)
_KERAS = (("keras", "tensorflow"),)
_FLAX = (("flax", "jax"),)
_ORBAX = (("orbax-checkpoint", "jax"),)

#: In the order in which they run. For each backend, the slowest format is first, so that with -n no worker is left with it at
#: the end.
BUILTIN: dict[str, BuiltinFormat] = {
    "zarr.group": BuiltinFormat("numpy", "zarr", (("zarr", "zarr"),)),
    "numpy.save": BuiltinFormat("numpy", "npy"),
    "numpy.save-pickled": BuiltinFormat("numpy", "npy"),
    "numpy.savez": BuiltinFormat("numpy", "npz"),
    "numpy.savez-compressed": BuiltinFormat("numpy", "npz"),
    "numpy.pickle": BuiltinFormat("numpy", "pickled"),
    "safetensors.numpy": BuiltinFormat("numpy", "safetensors", _SAFETENSORS),
    "h5py.group": BuiltinFormat("numpy", "h5py", (("h5py", "h5py"),)),
    "torch.export": BuiltinFormat("torch", "export"),
    "torch.distributed-checkpoint": BuiltinFormat("torch", "distributed"),
    "torch.save": BuiltinFormat("torch", "save"),
    "torch.save-unrestricted": BuiltinFormat("torch", "save"),
    "torch.module": BuiltinFormat("torch", "module"),
    "safetensors.torch": BuiltinFormat("torch", "safetensors", _SAFETENSORS),
    "safetensors.torch-model": BuiltinFormat("torch", "safetensors", _SAFETENSORS),
    "keras.h5": BuiltinFormat("tensorflow", "legacy_h5", _KERAS),
    "tensorflow.saved-model": BuiltinFormat("tensorflow", "saved_model"),
    "tensorflow.checkpoint": BuiltinFormat("tensorflow", "checkpoint"),
    "tensorflow.numpy-save": BuiltinFormat("tensorflow", "npy"),
    "tensorflow.serialize-tensor": BuiltinFormat("tensorflow", "serialized"),
    "keras.weights-h5": BuiltinFormat("tensorflow", "weights_h5", _KERAS),
    "keras.keras": BuiltinFormat("tensorflow", "keras", _KERAS),
    "safetensors.tensorflow": BuiltinFormat("tensorflow", "safetensors", _SAFETENSORS),
    "flax.checkpoints": BuiltinFormat("jax", "flax_checkpoints", _FLAX + _ORBAX),
    "orbax.standard": BuiltinFormat("jax", "orbax", _ORBAX),
    "orbax.pytree": BuiltinFormat("jax", "orbax", _ORBAX),
    "jax.numpy-save": BuiltinFormat("jax", "npy"),
    "jax.numpy-savez": BuiltinFormat("jax", "npz"),
    "flax.msgpack": BuiltinFormat("jax", "msgpack", _FLAX),
    "flax.msgpack-serialize": BuiltinFormat("jax", "msgpack", _FLAX),
    "safetensors.flax": BuiltinFormat("jax", "safetensors", _FLAX + _SAFETENSORS),
    "mxnet.parameters": BuiltinFormat("mxnet", "parameters"),
    "mxnet.export": BuiltinFormat("mxnet", "export"),
    "mxnet.npx-save": BuiltinFormat("mxnet", "arrays"),
    "mxnet.nd-save": BuiltinFormat("mxnet", "arrays"),
}


def known_formats() -> tuple[str, ...]:
    """Return the names of all formats: the built-in ones, installed or not, then those of third parties."""
    return (*BUILTIN, *(name for name in entry_points(ENTRY_POINTS) if name not in BUILTIN))


def installed_formats() -> tuple[str, ...]:
    """Return the names of the formats whose framework is installed. Other requirements may be missing (see `missing`)."""
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
    builtin = BUILTIN[name]
    if not is_installed(builtin.backend):
        return f"needs the backend {builtin.backend!r}: pip install 'pytest-ckpt[{builtin.backend}]'"
    for distribution, extra in builtin.needs:
        if installed_version(distribution) is None:
            return f"needs {distribution}: pip install 'pytest-ckpt[{extra}]'"
    return None


@functools.cache
def get_format(name: str) -> Format:
    """Return the format with this name.

    Raises ValueError for an unknown name, with the nearest name. Raises ImportError if a requirement
    is missing or the import fails in any way, and TypeError if an entry point is not a `Format`.
    Each message contains the name of the format.
    """
    if name in BUILTIN:
        if (lacks := missing(name)) is not None:
            raise ImportError(f"the format {name!r} {lacks}")
        builtin = BUILTIN[name]
        try:
            module: Any = importlib.import_module(f"{__name__}.{builtin.backend}.{builtin.module}")
        except Exception as error:
            raise ImportError(f"the format {name!r} cannot be imported: {type(error).__name__}: {error}") from error
        formats: tuple[Format, ...] = module.FORMATS
        return next(format for format in formats if format.name == name)
    if name not in entry_points(ENTRY_POINTS):
        raise ValueError(f"unknown format {name!r}: {nearest(name, known_formats())}")
    found = load_entry_point(ENTRY_POINTS, name)
    if not isinstance(found, Format):
        raise TypeError(str(record_failure(ENTRY_POINTS, name, f"it must be a pytest_ckpt.Format, not {type(found).__name__}")))
    return found


__all__ = ["BUILTIN", "DOMAINS", "BuiltinFormat", "Format", "backend_of", "get_format", "installed_formats", "known_formats", "missing"]
