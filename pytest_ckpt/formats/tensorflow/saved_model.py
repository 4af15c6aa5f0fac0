"""Keras models exported as a SavedModel, which returns the variables as a list in the order of the model."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, unreadable
from ..base import Format
from ..shared_failures import GAPS_DETECTED


def _export(model: Any, path: pathlib.Path) -> None:
    import keras

    inputs = keras.InputSpec(shape=model.get_build_config()["input_shape"], dtype=model.input_dtype)
    model.export(path, verbose=False, input_signature=[inputs])


def _load_variables(path: pathlib.Path, model: Any) -> None:
    import tensorflow as tf

    for variable, saved in zip(model.variables, tf.saved_model.load(path).variables, strict=True):
        variable.assign(saved)


_APART = "graph, index and values are separate files, and between the first and the last write they do not belong together"
_SEVERAL_FILES = unreadable(_APART)
_BY_PLACE = changed("a SavedModel returns its variables as a list, so this format assigns them by position")

FORMATS = (
    Format(
        name="tensorflow.saved-model",
        backend="tensorflow",
        save_model=_export,
        load_model=_load_variables,
        expected_failures={
            **GAPS_DETECTED,
            "files/deterministic": costly("the fingerprint contains a random number, and the names of functions contain a counter"),
            "files/size": costly(
                "each value is written twice, for the Keras variable and for the TensorFlow variable inside it (keras-team/keras#23553)",
                defect=True,
            ),
            "process/two-writers": _SEVERAL_FILES,
            "process/reader-beside-writer": _SEVERAL_FILES,
            "crash/kill": _SEVERAL_FILES,
            # Threads of TensorFlow write the files, so Python code does not always run between two writes.
            "crash/exception": unreadable(_APART, flaky=True),
            "model/frozen": converted("load assigns values and does not change which variables are trainable"),
            "mismatch/renamed": _BY_PLACE,
            "mismatch/other-order": _BY_PLACE,
            "mismatch/wrong-dtype": changed("this format assigns values to the existing variables, and assigning casts"),
        },
    ),
)
