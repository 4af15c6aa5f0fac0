"""`numpy.save`: one array in a `.npy` file."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ...expectations import changed, converted, refused, unreadable
from ..base import Format
from ..shared_failures import GAPS_DETECTED, GAPS_UNDETECTED, HEADER_UNCHECKED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, PICKLE
from .shared_failures import ARRAYS, PICKLED


def _save(array: Any, path: pathlib.Path) -> None:
    np.save(path, array)


def _load(path: pathlib.Path) -> Any:
    return np.load(path)


def _save_pickled(tree: Any, path: pathlib.Path) -> None:
    np.save(path, tree, allow_pickle=True)


def _load_pickled(path: pathlib.Path) -> Any:
    return np.load(path, allow_pickle=True).item()


_ROOT = unreadable("np.save converts a list or a tuple to one array, as np.asarray does, and item() requires an array with one element")

FORMATS = (
    Format(
        name="numpy.save",
        backend="numpy",
        save=_save,
        load=_load,
        accepts="tensor",
        suffix=".npy",
        expected_failures={
            **ARRAYS,
            **IN_PLACE,
            **INTERRUPTIBLE,
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            "tensor/masked": refused("numpy cannot write a masked array to a file"),
            "container/*": unreadable(
                "np.save converts any other tree to an object array and pickles it, and np.load raises an error for pickles"
            ),
            "container/list": changed("np.save converts a list to one array, as np.asarray does"),
            "container/tuple": changed("np.save converts a tuple to one array, as np.asarray does"),
            "container/nested": changed("np.save converts nested lists to one array, as np.asarray does"),
            "keys/*": PICKLED,
            "alias/same-tensor-twice": PICKLED,
            "alias/overlapping-views": PICKLED,
            "alias/equal-but-separate": PICKLED,
            "alias/file-size-of-alias": PICKLED,
        },
    ),
    Format(
        name="numpy.save-pickled",
        backend="numpy",
        save=_save_pickled,
        load=_load_pickled,
        suffix=".npy",
        expected_failures={
            **IN_PLACE,
            **INTERRUPTIBLE,
            **GAPS_DETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            **PICKLE,
            "process/two-writers": changed(
                "both writers write in place, and a pickle does not show that two writers mixed it", when="numpy>=2"
            ),
            "container/list": _ROOT,
            "container/tuple": _ROOT,
            "container/empty-list": _ROOT,
            "container/empty-tuple": _ROOT,
            "container/nested": changed("np.save converts a list to an array, and item() returns its only element"),
            "container/namedtuple": refused("np.save converts a tuple to one array, which fails because its fields have different shapes"),
            "tensor/strides": converted(
                "an array is pickled in C order or Fortran order, so an array in any other order is loaded in C order"
            ),
            "tensor/byte-order": converted("unpickling swaps an array to the byte order of the machine"),
            "alias/overlapping-views": converted("a view is pickled as a separate array"),
        },
    ),
)
