"""`numpy.save`: one array in a `.npy` file."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ...expectations import changed, converted, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NOTICED, PICKLE, UNNOTICED
from .limits import ARRAYS, PICKLED


def _save(array: Any, path: pathlib.Path) -> None:
    np.save(path, array)


def _load(path: pathlib.Path) -> Any:
    return np.load(path)


def _save_pickled(tree: Any, path: pathlib.Path) -> None:
    np.save(path, tree, allow_pickle=True)


def _load_pickled(path: pathlib.Path) -> Any:
    return np.load(path, allow_pickle=True).item()


_ROOT = unreadable("np.save makes one array of a list or a tuple, as np.asarray does, and item() wants an array of one element")

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
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            "tensor/masked": refused("a masked array cannot write itself to a file"),
            "container/*": unreadable("np.save makes an object array of any other tree, pickles it, and np.load does not unpickle"),
            "container/list": changed("np.save makes one array of a list, as np.asarray does"),
            "container/tuple": changed("np.save makes one array of a tuple, as np.asarray does"),
            "container/nested": changed("np.save makes one array of nested lists, as np.asarray does"),
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
            **NOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            **PICKLE,
            "process/two-writers": changed("both write in place, and nothing in a pickle tells that it is of two", when="numpy>=2"),
            "container/list": _ROOT,
            "container/tuple": _ROOT,
            "container/empty-list": _ROOT,
            "container/empty-tuple": _ROOT,
            "container/nested": changed("np.save makes an array of a list, and item() gives the element of one that has no more"),
            "container/namedtuple": refused("np.save makes one array of a tuple, and its fields have different shapes"),
            "tensor/strides": converted("an array is pickled in C or in Fortran order, so other dense arrays come back in C order"),
            "tensor/byte-order": converted("an array in another byte order is swapped to the machine's own when it is unpickled"),
            "alias/overlapping-views": converted("a view is pickled as an array with elements of its own"),
        },
    ),
)
