"""Find backends by name. Each is imported at first use. Third parties add backends by an entry
point.

Knows where backends are, but nothing about their contents.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..specs.capabilities import EVERYTHING, Capabilities, capabilities_of
from ..util.entry_points import entry_points, load_entry_point
from ..util.suggestions import nearest

if TYPE_CHECKING:
    from .base import Backend
    from .model_base import ModelBackend
    from .training_base import TrainingBackend

#: By name: the package that must be importable, and the module of the backend.
BUILTIN: dict[str, tuple[str, str]] = {
    "numpy": ("numpy", "pytest_ckpt.backends.numpy.tensors"),
    "torch": ("torch", "pytest_ckpt.backends.torch.tensors"),
    "tensorflow": ("tensorflow", "pytest_ckpt.backends.tensorflow.tensors"),
    "jax": ("jax", "pytest_ckpt.backends.jax.tensors"),
    "mxnet": ("mxnet", "pytest_ckpt.backends.mxnet.tensors"),
}
ENTRY_POINTS = "pytest_ckpt.backends"
_T = TypeVar("_T")


def known_backends() -> tuple[str, ...]:
    """Return the names of all backends, installed or not: the built-in ones, then those of third
    parties.
    """
    return (*BUILTIN, *(name for name in entry_points(ENTRY_POINTS) if name not in BUILTIN))


def check_name(name: str) -> None:
    """Raise ValueError, with the nearest name, if there is no backend ``name``."""
    if name not in known_backends():
        raise ValueError(f"unknown backend {name!r}: {nearest(name, known_backends())}")


def is_installed(name: str) -> bool:
    """Return whether a known backend can be used: see `missing`."""
    return missing(name) is None


def missing(name: str) -> str | None:
    """Return what a known backend needs and is not installed, and what to do; None if nothing is
    missing.

    For a built-in backend, nothing is imported. A third-party backend is loaded; if that fails,
    return the error.
    """
    check_name(name)
    if name in BUILTIN:
        package = BUILTIN[name][0]
        found = importlib.util.find_spec(package) is not None
        return None if found else f"the backend {name!r} needs the package {package!r}: pip install 'pytest-ckpt[{name}]'"
    try:
        get_backend(name)
    except ImportError as error:
        return str(error)
    return None


def installed_backends() -> tuple[str, ...]:
    """Return the names of the backends whose framework is installed."""
    return tuple(name for name in known_backends() if is_installed(name))


@functools.cache
def get_backend(name: str) -> Backend:
    """Import and return the backend ``name``.

    Raises ValueError for an unknown name, and ImportError, with the command that installs it, for a
    framework that is not installed.
    """
    check_name(name)
    if name not in BUILTIN:
        return cast("Backend", load_entry_point(ENTRY_POINTS, name))
    if (lacks := missing(name)) is not None:
        raise ImportError(lacks)
    return cast("Backend", importlib.import_module(BUILTIN[name][1]))


@functools.cache
def capabilities(name: str) -> Capabilities:
    """Return what the backend called ``name`` can build.

    For a built-in backend this comes from the tables, without importing its framework. A
    third-party backend is loaded, and declares its own as the attribute ``capabilities``; if it
    declares none, it is checked for everything. Raises ValueError for an unknown name, ImportError
    for a backend that cannot be loaded, and TypeError if ``capabilities`` is something else.
    """
    check_name(name)
    if name in BUILTIN:
        return capabilities_of(name)
    declared = getattr(get_backend(name), "capabilities", EVERYTHING)
    if not isinstance(declared, Capabilities):
        raise TypeError(
            f"the backend {name!r} declares capabilities of type {type(declared).__name__}: "
            "use pytest_ckpt.specs.Capabilities, or capabilities_of('torch') for those of a built-in backend"
        )
    return declared


def get_models(name: str) -> ModelBackend | None:
    """Return the object that builds and reads the models of a backend, or None if the backend has
    no models.

    A backend of a third party gives it as an attribute ``models``.
    """
    if name in BUILTIN:
        return (
            cast("ModelBackend", importlib.import_module(f"{__name__}.{name}.models")) if "models" in capabilities(name).features else None
        )
    backend: Any = get_backend(name)
    return cast("ModelBackend | None", getattr(backend, "models", None))


def get_training(name: str) -> TrainingBackend | None:
    """Return the object that builds the training runs of a backend, or None if the backend has
    none.

    A backend of a third party gives it as an attribute ``training``.
    """
    if name in BUILTIN:
        return (
            cast("TrainingBackend", importlib.import_module(f"{__name__}.{name}.training"))
            if "training" in capabilities(name).features
            else None
        )
    backend: Any = get_backend(name)
    return cast("TrainingBackend | None", getattr(backend, "training", None))


def _imported(get: Callable[[str], _T]) -> Iterator[tuple[str, _T]]:
    """Yield ``(name, get(name))`` for each backend whose framework the process has already imported."""
    for name in known_backends():
        # An entry of None in sys.modules blocks the import of a module.
        if name not in BUILTIN or sys.modules.get(BUILTIN[name][0]) is not None:
            try:
                found = get(name)
            except (ImportError, ValueError):  # a stub of the framework, which has no tensors
                continue
            yield name, found


def models_of(obj: Any) -> ModelBackend | None:
    """Return the backend whose framework made the model ``obj``, or None if it is not a model.

    Only frameworks that the process has already imported are considered.
    """
    return next((models for _, models in _imported(get_models) if models is not None and models.owns(obj)), None)


#: Cache of `owner_of`: the name of the backend for each class of leaf. A class that may belong to a
#: framework which is imported later is not cached; classes of builtins are, with None.
_OWNERS: dict[type, str | None] = {}


def owner_of(leaf: Any) -> Backend | None:
    """Return the backend whose framework made the tensor ``leaf``, or None if it is not a tensor.

    Only frameworks that the process has already imported are considered.
    """
    kind = type(leaf)
    if kind in _OWNERS:
        owner = _OWNERS[kind]
        return None if owner is None else get_backend(owner)
    for name, backend in _imported(get_backend):
        if backend.owns(leaf):
            _OWNERS[kind] = name
            return backend
    if kind.__module__ == "builtins":
        _OWNERS[kind] = None
    return None
