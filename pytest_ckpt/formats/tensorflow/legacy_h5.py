"""Whole models of Keras, in the older HDF5 format. That is for functional models, so a network goes into one."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, NO_CHECKSUM, UNNOTICED
from .limits import HDF5_DIES, HDF5_LOCKS_LATE, HDF5_OVERLAP


def _save_whole(model: Any, path: pathlib.Path) -> None:
    import keras

    inputs = keras.Input(batch_shape=model.get_build_config()["input_shape"], dtype=model.input_dtype, name="inputs")
    keras.Model(inputs, model(inputs), name="whole").save(path)


def _load_whole(path: pathlib.Path) -> Any:
    import keras

    return keras.models.load_model(path).layers[-1]


_BFLOAT16 = unreadable(
    "h5py writes bfloat16 as two opaque bytes, and nothing tells the loader what they are (keras-team/keras#17069)", defect=True
)

FORMATS = (
    Format(
        name="keras.h5",
        backend="tensorflow",
        save_model=_save_whole,
        load_model=_load_whole,
        whole_model=True,
        suffix=".h5",
        # Some damage has HDF5 read for ever, and what is asked of it is answered at once or never.
        time_limit=10.0,
        expected_failures={
            **IN_PLACE,
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            "files/disk-full": HDF5_DIES,
            "process/two-writers": HDF5_LOCKS_LATE,
            "security/overlap": HDF5_OVERLAP,
            "crash/exception": changed(
                "an error closes the file as if it were complete, and what was not written yet is read as zeros", defect=True
            ),
            "model/values": _BFLOAT16,
            "model/mixed-dtype": _BFLOAT16,
        },
    ),
)
