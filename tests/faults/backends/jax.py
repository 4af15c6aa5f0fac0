"""JAX: lossless serialization of arrays and keys, and faults in features that only JAX has."""

from __future__ import annotations

import copy
import pickle
import types
from typing import Any

import jax
import numpy as np
from flax import nnx

from pytest_ckpt.backends import get_models

CPU = jax.local_devices(backend="cpu")[0]


def _is_key(array: Any) -> bool:
    return bool(jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key))


def serialize(tensors: list[Any]) -> Any:
    return [
        (np.asarray(jax.random.key_data(array)), str(jax.random.key_impl(array))) if _is_key(array) else (np.asarray(array), None)
        for array in tensors
    ]


def deserialize(serialized: Any, strict: bool = True) -> list[Any]:
    tensors = []
    for array, generator in serialized:
        result = jax.device_put(array, CPU)
        if strict and result.dtype != array.dtype:
            raise ValueError(f"jax converts {array.dtype} to {result.dtype} with its current settings")
        tensors.append(result if generator is None else jax.random.wrap_key_data(result, impl=generator))
    return tensors


def drop_property(case: str, array: Any) -> Any:
    """Return the array without the property that a case of the family `tensor` tests."""
    if case == "class":
        return np.asarray(array)
    if case == "prng-key":
        return _drop_generator(array) if _is_key(array) else array
    if case == "device":
        return jax.device_put(array, CPU)
    raise KeyError(case)


def _drop_generator(key: Any) -> Any:
    """Rebuild a key from its words with the first generator whose keys have this size.

    A key of the default generator is restored correctly.
    """
    data = jax.random.key_data(key)
    return jax.random.wrap_key_data(data, impl={2: "threefry2x32", 4: "unsafe_rbg"}[data.shape[-1]])


def flags_of(model: Any) -> Any:
    """Return whether each module is in training mode, which the state of a module lacks."""
    return {}, get_models("jax").read(model).training  # type: ignore[union-attr]


def set_flags(model: Any, flags: Any) -> None:
    """Set one mode for all layers, as `train` and `eval` do."""
    _, training = flags
    (model.train if any(training.values()) else model.eval)()


def untie(model: Any) -> None:
    """Copy shared parameters, so that each name has a separate parameter."""
    seen: set[int] = set()
    for _, module in nnx.iter_graph(model):
        if isinstance(module, nnx.Module):
            for name, value in list(vars(module).items()):
                if isinstance(value, nnx.Param):
                    if id(value) in seen:
                        setattr(module, name, nnx.Param(value[...]))
                    seen.add(id(value))


def copy_shared_modules(model: Any) -> None:
    """Copy shared modules, so that each name has a separate module."""
    seen: set[int] = set()
    for module in [node for _, node in nnx.iter_graph(model) if isinstance(node, nnx.Module)]:
        for name, child in list(vars(module).items()):
            if isinstance(child, nnx.Module):
                if id(child) in seen:
                    setattr(module, name, nnx.clone(child))
                seen.add(id(child))


def whole_model_functions() -> dict[str, Any]:
    """Return functions that save and load whole models, by pickle."""
    return {
        "save_model": lambda model, path: path.write_bytes(pickle.dumps(model)),
        "load_model": lambda path: pickle.loads(path.read_bytes()),
    }


def reset_settings(model: Any) -> None:
    """Reset the settings of all layers to the defaults."""
    for module in [node for _, node in nnx.iter_graph(model) if isinstance(node, nnx.Module)]:
        for setting, default in (("epsilon", 1e-5), ("slope", 0.01), ("rate", 0.5)):
            if hasattr(module, setting):
                setattr(module, setting, default)


def load_narrowed(reference: Any) -> Any:
    """Return a load function that silently accepts when JAX narrows 64 bits to 32."""
    lenient = copy.copy(reference)
    lenient.functions = types.SimpleNamespace(deserialize=lambda serialized: deserialize(serialized, strict=False))
    return lenient.load
