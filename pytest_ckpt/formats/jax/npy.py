"""`jax.numpy.save`."""

from __future__ import annotations

import pathlib
from typing import Any

import jax.numpy as jnp

from ...expectations import changed, refused
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NPY_DESCRIPTOR, NPY_EXTENSION, PICKLE, UNNOTICED
from .limits import NARROWED


def _save(tree: Any, path: pathlib.Path) -> None:
    jnp.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return jnp.load(path, allow_pickle=True)


_ARRAY = changed("jnp.save makes one array of everything: of a list as np.asarray does, of a dict one without dimensions")


FORMATS = (
    Format(
        name="jax.numpy-save",
        backend="jax",
        save=_save,
        load=_load,
        accepts="tensor",
        suffix=".npy",
        expected_failures={
            **IN_PLACE,
            **INTERRUPTIBLE,
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            **PICKLE,
            "dtype/int[124]": NPY_EXTENSION,
            "dtype/uint[124]": NPY_EXTENSION,
            "dtype/float4_*": NPY_EXTENSION,
            "dtype/float8_*": NPY_EXTENSION,
            "dtype/float8_e5m2": NPY_DESCRIPTOR,
            "bits/float8_e5m2": NPY_DESCRIPTOR,
            "nan-payload/float8_e5m2": NPY_DESCRIPTOR,
            "container/*": _ARRAY,
            "tensor/prng-key": refused("typed keys are no arrays to numpy; jax asks for jax.random.key_data"),
            "mismatch/64-bit-off": NARROWED,
        },
    ),
)
