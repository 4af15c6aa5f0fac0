"""`numpy.savez`: arrays by name in a zip archive of `.npy` files."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np

from ...expectations import Declared, changed, converted, costly, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, NOTICED, inflated
from .limits import ARRAYS, PICKLED


def _savez(arrays: Any, path: pathlib.Path) -> None:
    np.savez(path, **arrays)


def _savez_compressed(arrays: Any, path: pathlib.Path) -> None:
    np.savez_compressed(path, **arrays)


def _loadz(path: pathlib.Path) -> Any:
    with np.load(path) as file:
        return dict(file)


_CLOSED = changed("the archive is closed as if it were complete, so what was written before the error is a checkpoint of less", defect=True)

#: Cases of `container` that come back as arrays.
_MADE_ARRAYS = ("empty-list", "empty-tuple", "bool", "int", "float", "str", "numpy-scalar")

#: What holds for the archive, compressed or not.
_ARCHIVE: Declared = {
    **ARRAYS,
    **IN_PLACE,
    **NOTICED,
    **HEADER_BELIEVED,
    **inflated("a member that is no .npy is read whole"),
    "files/failed-save-keeps-old": [
        dataclasses.replace(_CLOSED, when="numpy>=2.2"),
        unreadable(
            "the file is emptied, and the archive that was begun stays open until the traceback of the error is freed", when="numpy<2.2"
        ),
    ],
    "process/two-writers": unreadable("both write in place; what they leave together is noticed by the checksums of the archive"),
    "crash/exception": _CLOSED,
    "corruption/missing-part": changed("nothing says which members there were"),
    "corruption/mixed-parts": changed("each member has a checksum of its own, and nothing says which belong together"),
    "tensor/masked": changed("savez writes a masked array without its mask, and says nothing (numpy/numpy#18134)", defect=True),
    "container/nested": PICKLED,
    "container/deep": PICKLED,
    "container/empty-dict": PICKLED,
    "container/none": PICKLED,
    "container/dataclass": PICKLED,
    "container/big-int": PICKLED,
    **dict.fromkeys(map("container/{}".format, _MADE_ARRAYS), converted("savez makes an array of everything that is not one")),
    "container/ordered-dict": converted("the archive's members come back in a plain dict"),
    "container/bytes": changed("an array of byte strings cannot tell trailing NULs from padding"),
    "keys/nul": changed("names become file names in the archive, and zipfile ends one at its first NUL; numpy asks for valid ones"),
    "keys/api-names": [
        changed(
            "names are keyword arguments: allow_pickle is taken for one of savez's own since there is one (numpy/numpy#27335), "
            "which was foreseen (numpy/numpy#13983), and the array is not written",
            when="numpy>=2.2",
            defect=True,
        ),
        changed(
            "names are keyword arguments: like is taken for one of numpy's dispatcher, and its array is not written (numpy/numpy#23365)",
            when="numpy<1.24.3",
            defect=True,
        ),
        refused("names are keyword arguments, and file is savez's own, as its documentation says (numpy/numpy#5243)"),
    ],
    "alias/same-tensor-twice": converted("each name has its own member in the archive"),
    "alias/overlapping-views": converted("each name has its own member in the archive"),
    "alias/file-size-of-alias": costly("each name has its own member in the archive"),
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
