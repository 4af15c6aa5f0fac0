"""What people save JAX arrays and Flax states with: `jnp.save`, and `flax.training.checkpoints`."""

from __future__ import annotations

import pathlib
from typing import Any

import jax.numpy as jnp

from ..expectations import changed, converted, costly, refused, unreadable
from .base import Format


def _save(tree: Any, path: pathlib.Path) -> None:
    jnp.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return jnp.load(path, allow_pickle=True)


def _save_checkpoint(tree: Any, path: pathlib.Path) -> None:
    from flax.training import checkpoints

    checkpoints.save_checkpoint(path, tree, step=1, overwrite=True)


def _restore_checkpoint(path: pathlib.Path) -> Any:
    from flax.training import checkpoints

    return checkpoints.restore_checkpoint(path, target=None)


_EXTENSION = changed("the .npy header has no name for this type, so it comes back as raw bytes")
_DESCRIPTOR = unreadable("ml_dtypes gives this type a descriptor that numpy writes into the header and cannot parse", defect=True)
_ARRAY = changed("jnp.save makes one array of everything: of a list as np.asarray does, of a dict one without dimensions")
_STORE = refused("the array store that checkpoints are written to has no such dtype")
_NO_ELEMENTS = refused("checkpoints of arrays without elements are refused")
_STATE_DICT = "containers are written as dicts, and without a target they come back as dicts"

FORMATS = (
    Format(
        name="jax.numpy-save",
        backend="jax",
        save=_save,
        load=_load,
        accepts="tensor",
        suffix=".npy",
        expected_failures={
            "dtype/int[124]": _EXTENSION,
            "dtype/uint[124]": _EXTENSION,
            "dtype/float4_*": _EXTENSION,
            "dtype/float8_*": _EXTENSION,
            "dtype/float8_e5m2": _DESCRIPTOR,
            "bits/float8_e5m2": _DESCRIPTOR,
            "nan-payload/float8_e5m2": _DESCRIPTOR,
            "container/*": _ARRAY,
            "tensor/prng-key": refused("typed keys are no arrays to numpy; jax asks for jax.random.key_data"),
            "model/dense": unreadable("a state is a dict, which comes back as an array of one object that no model loads"),
        },
    ),
    Format(
        name="flax.checkpoints",
        backend="jax",
        save=_save_checkpoint,
        load=_restore_checkpoint,
        expected_failures={
            "*/int1": _STORE,
            "*/uint1": _STORE,
            "*/uint2": _STORE,
            "*/uint4": _STORE,
            "*/float8_e4m3": _STORE,
            "*/string": _STORE,
            "shape/empty": _NO_ELEMENTS,
            "shape/zero-size-inside": _NO_ELEMENTS,
            "container/list": changed(_STATE_DICT + ", with the places as text for keys"),
            "container/tuple": changed(_STATE_DICT + ", with the places as text for keys"),
            "container/nested": changed(_STATE_DICT + ", with the places of lists as text for keys"),
            "container/empty-list": converted(_STATE_DICT),
            "container/empty-tuple": converted(_STATE_DICT),
            "container/namedtuple": converted(_STATE_DICT),
            "container/ordered-dict": converted(_STATE_DICT),
            "container/empty-dict": refused("a tree without leaves is no tree to the orbax backend"),
            "container/dataclass": refused("a dataclass that is not registered is no tree to the orbax backend"),
            "container/bytes": _STORE,
            "container/big-int": _STORE,
            "container/numpy-scalar": converted("scalars come back as Python numbers"),
            "keys/order": converted("the keys of dicts are sorted, as jax.tree.map does"),
            "keys/prefix": changed(
                "paths are joined with dots, so a.b beside a with a b in it are one entry, and one value is lost", defect=True
            ),
            "keys/int": changed("keys are written as text"),
            "alias/file-size-of-alias": costly("each path has its own entry"),
        },
    ),
)
