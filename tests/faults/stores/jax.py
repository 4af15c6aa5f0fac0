"""jax: arrays packed with their dtype and, for random keys, the generator; and faults in what only jax has."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

CPU = jax.local_devices(backend="cpu")[0]


def _is_key(array: Any) -> bool:
    return bool(jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key))


def pack(tensors: list[Any]) -> Any:
    return [
        (np.asarray(jax.random.key_data(array)), str(jax.random.key_impl(array))) if _is_key(array) else (np.asarray(array), None)
        for array in tensors
    ]


def unpack(packed: Any) -> list[Any]:
    return [
        jax.device_put(array, CPU) if generator is None else jax.random.wrap_key_data(jax.device_put(array, CPU), impl=generator)
        for array, generator in packed
    ]


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
