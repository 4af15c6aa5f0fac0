"""`jax.numpy.save`."""

from __future__ import annotations

import pathlib
from typing import Any

import jax.numpy as jnp

from ...expectations import changed, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NPY_DESCRIPTOR, NPY_EXTENSION, UNNOTICED
from .limits import NARROWED, PICKLED, TYPED_KEYS


def _save(tree: Any, path: pathlib.Path) -> None:
    jnp.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return jnp.load(path)


_ARRAY = changed("jnp.save makes one array of a list, a tuple or nested lists, as np.asarray does")


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
            "dtype/int[124]": NPY_EXTENSION,
            "dtype/uint[124]": NPY_EXTENSION,
            "dtype/float4_*": NPY_EXTENSION,
            "dtype/float8_*": NPY_EXTENSION,
            "dtype/float8_e5m2": NPY_DESCRIPTOR,
            "bits/float8_e5m2": NPY_DESCRIPTOR,
            "nan-payload/float8_e5m2": NPY_DESCRIPTOR,
            "*/string": PICKLED,
            "container/*": unreadable("jnp.save makes an object array of any other tree, pickles it, and jnp.load does not unpickle"),
            "container/list": _ARRAY,
            "container/tuple": _ARRAY,
            "container/nested": _ARRAY,
            "keys/*": PICKLED,
            "alias/same-tensor-twice": PICKLED,
            "alias/equal-but-separate": PICKLED,
            "alias/file-size-of-alias": PICKLED,
            "tensor/prng-key": TYPED_KEYS,
            "mismatch/64-bit-off": NARROWED,
        },
    ),
)
