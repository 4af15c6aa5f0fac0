"""`jax.numpy.savez`: a dict of arrays as a zip archive of `.npy` files."""

from __future__ import annotations

import pathlib
from typing import Any

import jax.numpy as jnp

from ...expectations import changed, converted, costly, unreadable
from ..base import Format
from ..shared_failures import GAPS_DETECTED, HEADER_UNCHECKED, IN_PLACE, NPY_DESCRIPTOR, NPY_EXTENSION, decompression_bomb
from .shared_failures import NO_MODE, PICKLED, WITHOUT_TYPED_KEYS


def _savez(arrays: Any, path: pathlib.Path) -> None:
    jnp.savez(path, **arrays)


def _loadz(path: pathlib.Path) -> Any:
    with jnp.load(path) as file:
        return dict(file)


_CLOSED = changed("an error closes the archive as if it were complete, so it loads as a checkpoint with fewer arrays", defect=True)
_BFLOAT16 = unreadable("bfloat16 is loaded as raw bytes, which a Flax module does not accept as a parameter")

#: Cases of `container` whose values are loaded as arrays.
_MADE_ARRAYS = ("empty-list", "empty-tuple", "bool", "int", "float", "str", "numpy-scalar")

FORMATS = (
    Format(
        name="jax.numpy-savez",
        backend="jax",
        save=_savez,
        load=_loadz,
        accepts="dict",
        suffix=".npz",
        expected_failures={
            **IN_PLACE,
            **GAPS_DETECTED,
            **HEADER_UNCHECKED,
            **WITHOUT_TYPED_KEYS,
            **decompression_bomb("a member that is not a .npy file is read completely"),
            "files/failed-save-keeps-old": _CLOSED,
            "process/two-writers": unreadable("both writers write in place; the checksums of the archive detect the mixed result"),
            "crash/exception": _CLOSED,
            "corruption/missing-part": changed("the archive does not record which members it must have"),
            "corruption/mixed-parts": changed(
                "each member has a separate checksum, and the archive does not record which members belong together"
            ),
            "dtype/int[124]": NPY_EXTENSION,
            "dtype/uint[124]": NPY_EXTENSION,
            "dtype/float4_*": NPY_EXTENSION,
            "dtype/float8_*": NPY_EXTENSION,
            "dtype/bfloat16": NPY_EXTENSION,
            "dtype/float8_e5m2": NPY_DESCRIPTOR,
            "bits/float8_e5m2": NPY_DESCRIPTOR,
            "nan-payload/float8_e5m2": NPY_DESCRIPTOR,
            "*/string": PICKLED,
            **dict.fromkeys(
                map("container/{}".format, ("nested", "deep", "empty-dict", "none", "dataclass", "big-int")),
                PICKLED,
            ),
            **dict.fromkeys(map("container/{}".format, _MADE_ARRAYS), converted("savez converts every value to an array")),
            "container/ordered-dict": converted("the arrays are loaded into a plain dict"),
            "container/bytes": changed("an array of byte strings pads with NULs, so trailing NULs of a value are lost"),
            "keys/nul": changed("names become file names in the archive, and zipfile cuts a file name at the first NUL"),
            "keys/api-names": changed(
                "names are passed as keyword arguments, and savez takes allow_pickle as its own parameter (numpy/numpy#27335), so this "
                "array is not written",
                defect=True,
            ),
            "tensor/class": converted("jnp.load returns NumPy arrays for an archive, as its documentation states"),
            "alias/file-size-of-alias": costly("each name gets a separate member in the archive"),
            "model/values": _BFLOAT16,
            "model/mixed-dtype": _BFLOAT16,
            "model/mode": NO_MODE,
        },
    ),
)
