"""`numpy.save`: one array in a `.npy` file."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ...expectations import changed, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, UNNOTICED
from .limits import ARRAYS, PICKLED


def _save(array: Any, path: pathlib.Path) -> None:
    np.save(path, array)


def _load(path: pathlib.Path) -> Any:
    return np.load(path)


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
)
