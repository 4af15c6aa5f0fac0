"""`pickle`, Python's own way to write any object, which arrays of NumPy know how to be written in."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

from ...expectations import changed, converted
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NOTICED, PICKLE


def _save(tree: Any, path: pathlib.Path) -> None:
    with open(path, "wb") as file:
        pickle.dump(tree, file, protocol=5)


def _load(path: pathlib.Path) -> Any:
    with open(path, "rb") as file:
        return pickle.load(file)


FORMATS = (
    Format(
        name="numpy.pickle",
        backend="numpy",
        save=_save,
        load=_load,
        suffix=".pkl",
        expected_failures={
            **IN_PLACE,
            **INTERRUPTIBLE,
            **NOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            **PICKLE,
            "process/two-writers": changed("both write in place, and nothing in a pickle tells that it is of two"),
            "tensor/strides": converted(
                "an array is pickled in C or in Fortran order, so other dense arrays come back in C order", when="numpy<2.3"
            ),
            "alias/overlapping-views": converted("a view is pickled as an array with elements of its own"),
        },
    ),
)
