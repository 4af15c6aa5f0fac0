"""`save_weights` and `load_weights` of Keras models."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM
from .shared_failures import HDF5_ENDS_PROCESS, HDF5_LOCKS_LATE, HDF5_OVERLAP, NO_TRAINABLE_FLAG


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
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            "files/disk-full": HDF5_ENDS_PROCESS,
            "process/two-writers": HDF5_LOCKS_LATE,
            "security/overlap": HDF5_OVERLAP,
            "model/frozen": NO_TRAINABLE_FLAG,
            "mismatch/extra": changed(
                "load ignores variables that only the file has, whereas load_weights of a legacy .h5 file raises an error",
                defect=True,
            ),
            "mismatch/renamed": changed("layers are matched by the topology of the model, mostly by class and position instead of name"),
            "mismatch/wrong-dtype": changed("load assigns values to the existing variables, and assigning casts"),
        },
    ),
)
