"""Whole Keras models in a `.keras` archive."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, costly, unreadable
from ..base import Format
from ..shared_failures import GAPS_DETECTED, IN_PLACE, INTERRUPTIBLE, decompression_bomb


def _save_whole(model: Any, path: pathlib.Path) -> None:
    model.save(path)


def _load_whole(path: pathlib.Path) -> Any:
    import keras

    return keras.saving.load_model(path)


FORMATS = (
    Format(
        name="keras.keras",
        backend="tensorflow",
        save_model=_save_whole,
        load_model=_load_whole,
        whole_model=True,
        suffix=".keras",
        expected_failures={
            **IN_PLACE,
            **INTERRUPTIBLE,
            **GAPS_DETECTED,
            **decompression_bomb("members of the archive are read completely"),
            "files/deterministic": costly("the archive contains the time at which its members were written"),
            "process/two-writers": unreadable("both writers write in place; the checksums of the archive detect the mixed result"),
            "security/overlap": changed("load accepts an address in the HDF5 member that points to the values of another tensor"),
        },
    ),
)
