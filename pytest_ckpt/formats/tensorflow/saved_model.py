"""Models of Keras, exported as a SavedModel; what is loaded gives their variables as a list, in the order of the model's own."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, unreadable
from ..base import Format
from ..limits import NOTICED


def _export(model: Any, path: pathlib.Path) -> None:
    import keras

    inputs = keras.InputSpec(shape=model.get_build_config()["input_shape"], dtype=model.input_dtype)
    model.export(path, verbose=False, input_signature=[inputs])


def _load_variables(path: pathlib.Path, model: Any) -> None:
    import tensorflow as tf

    for variable, saved in zip(model.variables, tf.saved_model.load(path).variables, strict=True):
        variable.assign(saved)


_APART = "graph, index and values are files of their own, and between the first and the last they do not belong together"
_SEVERAL_FILES = unreadable(_APART)
_BY_PLACE = changed("it is loaded here by place, since an artifact gives its variables as a list")

FORMATS = (
    Format(
        name="tensorflow.saved-model",
        backend="tensorflow",
        save_model=_export,
        load_model=_load_variables,
        expected_failures={
            **NOTICED,
            "files/deterministic": costly("its fingerprint has a number that is drawn, and functions have numbers that go on counting"),
            "files/size": costly(
                "each value is written twice, for Keras' variable and for TensorFlow's in it (keras-team/keras#23553)", defect=True
            ),
            "process/two-writers": _SEVERAL_FILES,
            "process/reader-beside-writer": _SEVERAL_FILES,
            "crash/kill": _SEVERAL_FILES,
            # Threads of TensorFlow write them, and Python is not always in charge between the one and the other.
            "crash/exception": unreadable(_APART, flaky=True),
            "model/frozen": converted("values are assigned, and which of the variables are trained is left as it is"),
            "mismatch/renamed": _BY_PLACE,
            "mismatch/other-order": _BY_PLACE,
            "mismatch/wrong-dtype": changed("values are assigned here to the variables that are there, and assigning casts"),
        },
    ),
)
