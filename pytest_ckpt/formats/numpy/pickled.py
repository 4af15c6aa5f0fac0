"""`pickle` of NumPy arrays and trees."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

from ...expectations import changed, converted
from ..base import Format
from ..shared_failures import GAPS_DETECTED, HEADER_UNCHECKED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, PICKLE


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
            **GAPS_DETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            **PICKLE,
            "process/two-writers": changed("both writers write in place, and a pickle does not show that two writers mixed it"),
            "tensor/strides": converted(
                "an array is pickled in C order or Fortran order, so an array in any other order is loaded in C order", when="numpy<2.3"
            ),
            "alias/overlapping-views": converted("a view is pickled as a separate array"),
        },
    ),
)
