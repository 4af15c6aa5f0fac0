"""jax: arrays packed with their dtype and, for random keys, the generator; and faults in what only jax has."""

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


def pack(tensors: list[Any]) -> Any:
    return [
        (np.asarray(jax.random.key_data(array)), str(jax.random.key_impl(array))) if _is_key(array) else (np.asarray(array), None)
        for array in tensors
    ]


def unpack(packed: Any, strict: bool = True) -> list[Any]:
    tensors = []
    for array, generator in packed:
        made = jax.device_put(array, CPU)
        if strict and made.dtype != array.dtype:
            raise ValueError(f"jax makes {made.dtype} of {array.dtype} with its present settings")
        tensors.append(made if generator is None else jax.random.wrap_key_data(made, impl=generator))
    return tensors


def without(case: str, array: Any) -> Any:
    """The array without what a case of the family `tensor` asks about."""
    if case == "kind":
        return np.asarray(array)
    if case == "prng-key":
        return _without_generator(array) if _is_key(array) else array
    if case == "device":
        return jax.device_put(array, CPU)
    raise KeyError(case)


def _without_generator(key: Any) -> Any:
    """The words alone, taken for those of the first generator whose keys have so many; the default one comes back as it was."""
    data = jax.random.key_data(key)
    return jax.random.wrap_key_data(data, impl={2: "threefry2x32", 4: "unsafe_rbg"}[data.shape[-1]])


def flags_of(model: Any) -> Any:
    """What the state of a module does not know: whether it is used or trained."""
    return {}, get_models("jax").read(model).training  # type: ignore[union-attr]


def set_flags(model: Any, flags: Any) -> None:
    """All layers that have a mode are left in one, as `train` and `eval` do."""
    _, training = flags
    (model.train if any(training.values()) else model.eval)()


def untie(model: Any) -> None:
    """Every name gets a parameter of its own."""
    met: set[int] = set()
    for _, module in nnx.iter_graph(model):
        if isinstance(module, nnx.Module):
            for name, value in list(vars(module).items()):
                if isinstance(value, nnx.Param):
                    if id(value) in met:
                        setattr(module, name, nnx.Param(value[...]))
                    met.add(id(value))


def separate(model: Any) -> None:
    """Every place gets a module of its own."""
    met: set[int] = set()
    for module in [node for _, node in nnx.iter_graph(model) if isinstance(node, nnx.Module)]:
        for name, child in list(vars(module).items()):
            if isinstance(child, nnx.Module):
                if id(child) in met:
                    setattr(module, name, nnx.clone(child))
                met.add(id(child))


def zero(tensor: Any) -> None:
    """Writes zeros where a tensor lies."""
    tensor.set_value(tensor.get_value() * 0)


def whole() -> dict[str, Any]:
    """Functions that save whole models: modules can be pickled."""
    return {
        "save_model": lambda model, path: path.write_bytes(pickle.dumps(model)),
        "load_model": lambda path: pickle.loads(path.read_bytes()),
    }


def forget_settings(model: Any) -> None:
    """What layers were configured with is the default again."""
    for module in [node for _, node in nnx.iter_graph(model) if isinstance(node, nnx.Module)]:
        for setting, usual in (("epsilon", 1e-5), ("slope", 0.01), ("rate", 0.5)):
            if hasattr(module, setting):
                setattr(module, setting, usual)


def load_narrowed(reference: Any) -> Any:
    """A loader that says nothing where the framework makes 32 bits of 64."""
    quiet = copy.copy(reference)
    quiet.store = types.SimpleNamespace(unpack=lambda packed: unpack(packed, strict=False))
    return quiet.load
