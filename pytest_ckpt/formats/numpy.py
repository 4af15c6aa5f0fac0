"""numpy's own formats: `.npy` and `.npz`, as their documentation shows them."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ..expectations import Declared, changed, converted, costly, refused, unreadable
from .base import Format
from .limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NOTICED, UNNOTICED, inflated


def _save(array: Any, path: pathlib.Path) -> None:
    np.save(path, array)


def _load(path: pathlib.Path) -> Any:
    return np.load(path)


def _savez(arrays: Any, path: pathlib.Path) -> None:
    np.savez(path, **arrays)


def _loadz(path: pathlib.Path) -> Any:
    with np.load(path) as file:
        return dict(file)


_EXTENSION = changed("the .npy header describes a type by its byte order, kind and size, so ml_dtypes' types come back as raw bytes")
_DESCRIPTOR = unreadable("ml_dtypes gives this type a descriptor that numpy writes into the header and cannot parse", defect=True)
_PICKLED = unreadable("the array is pickled, and np.load does not unpickle unless it is told to")
_PLAIN_ARRAY = converted("only the array's elements are written, so it comes back as a plain ndarray")

_CLOSED = changed("the archive is closed as if it were complete, so what was written before the error is a checkpoint of less", defect=True)

#: What holds for one array, whether it is alone in a file or a member of an archive.
_ARRAYS: Declared = {
    "dtype/int[124]": _EXTENSION,
    "dtype/uint[124]": _EXTENSION,
    "dtype/float[46]_*": _EXTENSION,
    "dtype/float8_*": _EXTENSION,
    "dtype/bfloat16": _EXTENSION,
    "dtype/float8_e5m2": _DESCRIPTOR,
    "bits/float8_e5m2": _DESCRIPTOR,
    "nan-payload/float8_e5m2": _DESCRIPTOR,
    "*/*complex32": _DESCRIPTOR,
    "*/string": _PICKLED,
    "*/object": _PICKLED,
    "tensor/subclass": _PLAIN_ARRAY,
    "tensor/metadata": converted("the header has no place for a dtype's metadata; numpy warns, and leaves it out"),
    "tensor/strides": converted("the header knows C and Fortran order and no other, so other dense arrays come back in C order"),
}

#: Cases of `container` that come back as arrays.
_MADE_ARRAYS = ("empty-list", "empty-tuple", "bool", "int", "float", "str", "numpy-scalar")

FORMATS = (
    Format(
        name="numpy.save",
        backend="numpy",
        save=_save,
        load=_load,
        accepts="tensor",
        suffix=".npy",
        expected_failures={
            **_ARRAYS,
            **IN_PLACE,
            **INTERRUPTIBLE,
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            "tensor/masked": refused("a masked array cannot write itself to a file"),
            "container/*": unreadable("np.save makes an object array of any other tree, pickles it, and np.load does not unpickle"),
            "container/list": changed("np.save makes one array of a list, as np.asarray does"),
            "container/tuple": changed("np.save makes one array of a tuple, as np.asarray does"),
            "container/nested": changed("np.save makes one array of nested lists, as np.asarray does"),
            "keys/*": _PICKLED,
            "alias/same-tensor-twice": _PICKLED,
            "alias/overlapping-views": _PICKLED,
            "alias/equal-but-separate": _PICKLED,
            "alias/file-size-of-alias": _PICKLED,
        },
    ),
    Format(
        name="numpy.savez",
        backend="numpy",
        save=_savez,
        load=_loadz,
        accepts="dict",
        suffix=".npz",
        expected_failures={
            **_ARRAYS,
            **IN_PLACE,
            **NOTICED,
            **HEADER_BELIEVED,
            **inflated("a member that is no .npy is read whole"),
            "files/failed-save-keeps-old": _CLOSED,
            "process/two-writers": unreadable("both write in place; what they leave together is noticed by the checksums of the archive"),
            "crash/exception": _CLOSED,
            "corruption/missing-part": changed("nothing says which members there were"),
            "corruption/mixed-parts": changed("each member has a checksum of its own, and nothing says which belong together"),
            "tensor/masked": changed("savez makes a plain array of a masked one, and the mask is gone", defect=True),
            "container/nested": _PICKLED,
            "container/deep": _PICKLED,
            "container/empty-dict": _PICKLED,
            "container/none": _PICKLED,
            "container/dataclass": _PICKLED,
            "container/big-int": _PICKLED,
            **dict.fromkeys(map("container/{}".format, _MADE_ARRAYS), converted("savez makes an array of everything that is not one")),
            "container/ordered-dict": converted("the archive's members come back in a plain dict"),
            "container/bytes": changed("an array of byte strings cannot tell trailing NULs from padding"),
            "keys/nul": changed("a name in a zip archive ends at a NUL", defect=True),
            "keys/api-names": changed(
                "names are keyword arguments: allow_pickle is taken for savez's own, and its array is not written", defect=True
            ),
            "alias/same-tensor-twice": converted("each name has its own member in the archive"),
            "alias/overlapping-views": converted("each name has its own member in the archive"),
            "alias/file-size-of-alias": costly("each name has its own member in the archive"),
        },
    ),
)
