"""`tf.train.Checkpoint` of models and training runs."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, unreadable
from ..base import Format
from ..limits import NOTICED
from .limits import UNTRAINED


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
    "layers in a list or dict of Python, as Keras has the cells of a stack, are not tracked, and assert_consumed does not miss them; "
    "they were to be (keras-team/keras#18398)",
    defect=True,
)

_TWO_FILES = unreadable("the values and their index are two files, and between the one and the other they do not belong together")

FORMATS = (
    Format(
        name="tensorflow.checkpoint",
        backend="tensorflow",
        save_model=_write_checkpoint,
        load_model=_read_checkpoint,
        save_training=_write_run,
        load_training=_read_run,
        expected_failures={
            **NOTICED,
            "process/two-writers": _TWO_FILES,
            "process/reader-beside-writer": _TWO_FILES,
            "crash/kill": _TWO_FILES,
            "model/frozen": UNTRAINED,
            **dict.fromkeys(map("model/{}".format, ("list", "dict", "rnn", "lstm", "gru")), _LISTED),
            "training/rng": changed(
                "a Checkpoint tracks variables, and the states of the generators are none of those of model and optimizer"
            ),
            "training/dropout": changed(
                "the state of a layer's own generator is not tracked, and assert_consumed does not miss it", defect=True
            ),
        },
    ),
)
