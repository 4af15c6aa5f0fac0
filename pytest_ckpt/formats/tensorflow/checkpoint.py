"""`tf.train.Checkpoint` of models and training runs."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, unreadable
from ..base import Format
from ..shared_failures import GAPS_DETECTED
from .shared_failures import NO_TRAINABLE_FLAG


def _write_checkpoint(model: Any, path: pathlib.Path) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(model=model).write(str(path))


def _read_checkpoint(path: pathlib.Path, model: Any) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(model=model).read(str(path)).assert_consumed()


def _write_run(run: Any, path: pathlib.Path) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(model=run.model, optimizer=run.optimizer, step=tf.Variable(run.step)).write(str(path))


def _read_run(path: pathlib.Path, run: Any) -> None:
    import tensorflow as tf

    step = tf.Variable(0)
    tf.train.Checkpoint(model=run.model, optimizer=run.optimizer, step=step).read(str(path)).assert_consumed()
    run.step = int(step)


_LISTED = changed(
    "layers in a Python list or dict, such as the cells of a stack in Keras, are not tracked, and assert_consumed does not report them; "
    "tracking was planned (keras-team/keras#18398)",
    defect=True,
)

_TWO_FILES = unreadable("the values and the index are two files, and between the two writes they do not belong together")

FORMATS = (
    Format(
        name="tensorflow.checkpoint",
        backend="tensorflow",
        save_model=_write_checkpoint,
        load_model=_read_checkpoint,
        save_training=_write_run,
        load_training=_read_run,
        expected_failures={
            **GAPS_DETECTED,
            "process/two-writers": _TWO_FILES,
            "process/reader-beside-writer": _TWO_FILES,
            "crash/kill": _TWO_FILES,
            "model/frozen": NO_TRAINABLE_FLAG,
            **dict.fromkeys(map("model/{}".format, ("list", "dict", "rnn", "lstm", "gru")), _LISTED),
            "training/rng": changed(
                "a Checkpoint tracks the variables of the model and the optimizer, and the states of the random "
                "generators are not among them"
            ),
            "training/dropout": changed(
                "the random generator of a layer is not tracked, and assert_consumed does not report it", defect=True
            ),
        },
    ),
)
