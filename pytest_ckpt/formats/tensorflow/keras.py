"""Whole models of Keras, in a `.keras` archive."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, costly, unreadable
from ..base import Format
from ..limits import IN_PLACE, INTERRUPTIBLE, NOTICED, inflated


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
            **NOTICED,
            **inflated("members of the archive are read whole"),
            "files/deterministic": costly("the archive says when its members were written"),
            "process/two-writers": unreadable("both write in place; what they leave together is noticed by the checksums of the archive"),
            "security/overlap": changed("an address in the HDF5 part that leads to the values of another tensor is believed"),
        },
    ),
)
