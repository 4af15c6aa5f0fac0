"""`numpy.savez`: a dict of arrays as a zip archive of `.npy` files."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np

from ...expectations import Declared, changed, converted, costly, refused, unreadable
from ..base import Format
from ..shared_failures import GAPS_DETECTED, HEADER_UNCHECKED, IN_PLACE, decompression_bomb
from .shared_failures import ARRAYS, PICKLED


def _savez(arrays: Any, path: pathlib.Path) -> None:
    np.savez(path, **arrays)


def _savez_compressed(arrays: Any, path: pathlib.Path) -> None:
    np.savez_compressed(path, **arrays)


def _loadz(path: pathlib.Path) -> Any:
    with np.load(path) as file:
        return dict(file)


_CLOSED = changed("an error closes the archive as if it were complete, so it loads as a checkpoint with fewer arrays", defect=True)

#: Cases of `container` whose values are loaded as arrays.
_MADE_ARRAYS = ("empty-list", "empty-tuple", "bool", "int", "float", "str", "numpy-scalar")

#: For the archive, compressed or not.
_ARCHIVE: Declared = {
    **ARRAYS,
    **IN_PLACE,
    **GAPS_DETECTED,
    **HEADER_UNCHECKED,
    **decompression_bomb("a member that is not a .npy file is read completely"),
    "files/failed-save-keeps-old": [
        dataclasses.replace(_CLOSED, when="numpy>=2.2"),
        unreadable(
            "the file is truncated, and the incomplete archive stays open until the traceback of the error is freed", when="numpy<2.2"
        ),
    ],
    "process/two-writers": unreadable("both writers write in place; the checksums of the archive detect the mixed result"),
    "crash/exception": _CLOSED,
    "corruption/missing-part": changed("the archive does not record which members it must have"),
    "corruption/mixed-parts": changed("each member has a separate checksum, and the archive does not record which members belong together"),
    "tensor/masked": changed("savez silently writes a masked array without its mask (numpy/numpy#18134)", defect=True),
    "container/nested": PICKLED,
    "container/deep": PICKLED,
    "container/empty-dict": PICKLED,
    "container/none": PICKLED,
    "container/dataclass": PICKLED,
    "container/big-int": PICKLED,
    **dict.fromkeys(map("container/{}".format, _MADE_ARRAYS), converted("savez converts every value to an array")),
    "container/ordered-dict": converted("the arrays are loaded into a plain dict"),
    "container/bytes": changed("an array of byte strings pads with NULs, so trailing NULs of a value are lost"),
    "keys/nul": changed(
        "names become file names in the archive, and zipfile cuts a file name at the first NUL; numpy documents that names must be valid "
        "file names"
    ),
    "keys/api-names": [
        changed(
            "names are passed as keyword arguments, and savez takes allow_pickle as its own parameter since it has one "
            "(numpy/numpy#27335, foreseen in numpy/numpy#13983), so this array is not written",
            when="numpy>=2.2",
            defect=True,
        ),
        changed(
            "names are passed as keyword arguments, and the dispatcher of numpy takes like as its own parameter, so this array is not "
            "written (numpy/numpy#23365)",
            when="numpy<1.24.3",
            defect=True,
        ),
        refused("names are passed as keyword arguments, and file is a parameter of savez, as its documentation states (numpy/numpy#5243)"),
    ],
    "alias/same-tensor-twice": converted("each name gets a separate member in the archive"),
    "alias/overlapping-views": converted("each name gets a separate member in the archive"),
    "alias/file-size-of-alias": costly("each name gets a separate member in the archive"),
}

FORMATS = (
    Format(
        name="numpy.savez",
        backend="numpy",
        save=_savez,
        load=_loadz,
        accepts="dict",
        suffix=".npz",
        expected_failures=_ARCHIVE,
    ),
    Format(
        name="numpy.savez-compressed",
        backend="numpy",
        save=_savez_compressed,
        load=_loadz,
        accepts="dict",
        suffix=".npz",
        expected_failures={**_ARCHIVE, "files/disk-full": _CLOSED},
    ),
)
