"""`jax.numpy.save`: one array in a `.npy` file."""

from __future__ import annotations

import pathlib
from typing import Any

import jax.numpy as jnp

from ...expectations import changed, unreadable
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NPY_DESCRIPTOR, NPY_EXTENSION
from .shared_failures import CAST_TO_32_BITS, PICKLED, TYPED_KEYS


def _save(tree: Any, path: pathlib.Path) -> None:
    jnp.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return jnp.load(path)


_ARRAY = changed("jnp.save converts a list, a tuple or nested lists to one array, as np.asarray does")


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
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            "dtype/int[124]": NPY_EXTENSION,
            "dtype/uint[124]": NPY_EXTENSION,
            "dtype/float4_*": NPY_EXTENSION,
            "dtype/float8_*": NPY_EXTENSION,
            "dtype/float8_e5m2": NPY_DESCRIPTOR,
            "bits/float8_e5m2": NPY_DESCRIPTOR,
            "nan-payload/float8_e5m2": NPY_DESCRIPTOR,
            "*/string": PICKLED,
            "container/*": unreadable(
                "jnp.save converts any other tree to an object array and pickles it, and jnp.load raises an error for pickles"
            ),
            "container/list": _ARRAY,
            "container/tuple": _ARRAY,
            "container/nested": _ARRAY,
            "keys/*": PICKLED,
            "alias/same-tensor-twice": PICKLED,
            "alias/equal-but-separate": PICKLED,
            "alias/file-size-of-alias": PICKLED,
            "tensor/prng-key": TYPED_KEYS,
            "mismatch/64-bit-off": CAST_TO_32_BITS,
        },
    ),
)
