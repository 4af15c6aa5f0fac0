"""Whole Keras models in the legacy HDF5 format, which supports functional models, so `save` wraps the model in one."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, unreadable
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, IN_PLACE, NO_CHECKSUM
from .shared_failures import HDF5_ENDS_PROCESS, HDF5_LOCKS_LATE, HDF5_OVERLAP


def _save_whole(model: Any, path: pathlib.Path) -> None:
    import keras

    inputs = keras.Input(batch_shape=model.get_build_config()["input_shape"], dtype=model.input_dtype, name="inputs")
    keras.Model(inputs, model(inputs), name="whole").save(path)


def _load_whole(path: pathlib.Path) -> Any:
    import keras

    return keras.models.load_model(path).layers[-1]


_BFLOAT16 = unreadable(
    "h5py writes bfloat16 as two opaque bytes, and the file does not record their dtype (keras-team/keras#17069)", defect=True
)

FORMATS = (
    Format(
        name="keras.h5",
        backend="tensorflow",
        save_model=_save_whole,
        load_model=_load_whole,
        whole_model=True,
        suffix=".h5",
        # HDF5 reads some damaged files forever. All other loads are fast.
        time_limit=10.0,
        expected_failures={
            **IN_PLACE,
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            "files/disk-full": HDF5_ENDS_PROCESS,
            "process/two-writers": HDF5_LOCKS_LATE,
            "security/overlap": HDF5_OVERLAP,
            "crash/exception": changed(
                "an error closes the file as if it were complete, and values that were not written yet are loaded as zeros", defect=True
            ),
            "model/values": _BFLOAT16,
            "model/mixed-dtype": _BFLOAT16,
        },
    ),
)
