"""Keras' `save_weights` and `load_weights`."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, UNNOTICED
from .limits import HDF5_DIES, HDF5_LOCKS_LATE, HDF5_OVERLAP, UNTRAINED


def _save_weights(model: Any, path: pathlib.Path) -> None:
    model.save_weights(path)


def _load_weights(path: pathlib.Path, model: Any) -> None:
    model.load_weights(path)


FORMATS = (
    Format(
        name="keras.weights-h5",
        backend="tensorflow",
        save_model=_save_weights,
        load_model=_load_weights,
        suffix=".weights.h5",
        expected_failures={
            **IN_PLACE,
            **INTERRUPTIBLE,
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            "files/disk-full": HDF5_DIES,
            "process/two-writers": HDF5_LOCKS_LATE,
            "security/overlap": HDF5_OVERLAP,
            "model/frozen": UNTRAINED,
            "mismatch/extra": changed(
                "what the file has beyond the model's own is not looked at, where load_weights of an older .h5 raises",
                defect=True,
            ),
            "mismatch/renamed": changed(
                "layers are found by the network's topology, in which most of them go by class and place, and not by name"
            ),
            "mismatch/wrong-dtype": changed("values are assigned to the variables that are there, and assigning casts"),
        },
    ),
)
