"""`jax.numpy.savez`: arrays by name in a zip archive of `.npy` files."""

from __future__ import annotations

import pathlib
from typing import Any

import jax.numpy as jnp

from ...expectations import changed, converted, costly, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, NOTICED, NPY_DESCRIPTOR, NPY_EXTENSION, inflated
from .limits import PICKLED, UNMODED, WITHOUT_TYPED_KEYS


def _savez(arrays: Any, path: pathlib.Path) -> None:
    jnp.savez(path, **arrays)


def _loadz(path: pathlib.Path) -> Any:
    with jnp.load(path) as file:
        return dict(file)


_CLOSED = changed("the archive is closed as if it were complete, so what was written before the error is a checkpoint of less", defect=True)
_BFLOAT16 = unreadable("bfloat16 comes back as raw bytes, of which a module of Flax makes no parameter")

#: Cases of `container` that come back as arrays.
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
            **NOTICED,
            **HEADER_BELIEVED,
            **WITHOUT_TYPED_KEYS,
            **inflated("a member that is no .npy is read whole"),
            "files/failed-save-keeps-old": _CLOSED,
            "process/two-writers": unreadable("both write in place; what they leave together is noticed by the checksums of the archive"),
            "crash/exception": _CLOSED,
            "corruption/missing-part": changed("nothing says which members there were"),
            "corruption/mixed-parts": changed("each member has a checksum of its own, and nothing says which belong together"),
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
            **dict.fromkeys(map("container/{}".format, _MADE_ARRAYS), converted("savez makes an array of everything that is not one")),
            "container/ordered-dict": converted("the archive's members come back in a plain dict"),
            "container/bytes": changed("an array of byte strings cannot tell trailing NULs from padding"),
            "keys/nul": changed("names become file names in the archive, and zipfile ends one at its first NUL"),
            "keys/api-names": changed(
                "names are keyword arguments: allow_pickle is taken for one of savez's own (numpy/numpy#27335), and its array is not "
                "written",
                defect=True,
            ),
            "tensor/class": converted("jnp.load gives arrays of NumPy for an archive, as its documentation says"),
            "alias/file-size-of-alias": costly("each name has its own member in the archive"),
            "model/values": _BFLOAT16,
            "model/mixed-dtype": _BFLOAT16,
            "model/mode": UNMODED,
        },
    ),
)
