"""What people save TensorFlow tensors and Keras models with: `np.save`, and `save_weights`."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ..expectations import changed, converted, costly, crashed, unreadable
from .base import Format
from .limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NOTICED, PICKLE, UNNOTICED, inflated


def _save(tree: Any, path: pathlib.Path) -> None:
    np.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return np.load(path, allow_pickle=True)


def _save_weights(model: Any, path: pathlib.Path) -> None:
    model.save_weights(path)


def _load_weights(path: pathlib.Path, model: Any) -> None:
    model.load_weights(path)


def _save_whole(model: Any, path: pathlib.Path) -> None:
    model.save(path)


def _load_whole(path: pathlib.Path) -> Any:
    import keras

    return keras.saving.load_model(path)


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


_EXTENSION = changed("the .npy header has no name for this type, so it comes back as raw bytes")
_DESCRIPTOR = unreadable("ml_dtypes gives this type a descriptor that numpy writes into the header and cannot parse", defect=True)
_INTEGERS = changed("to numpy a quantized tensor is an array of plain integers")
_ARRAY = changed("np.save makes one array of everything: of a list as np.asarray does, of a dict one without dimensions")
_NUMPY = converted("np.load gives NumPy arrays, whatever was saved")

_UNTRAINED = converted("only values are written, and not which of them are trained")
_LISTED = changed(
    "layers in a list or dict of Python, as Keras has the cells of a stack, are not tracked, and assert_consumed does not miss them",
    defect=True,
)

_TWO_FILES = unreadable("the values and their index are two files, and between the one and the other they do not belong together")

FORMATS = (
    Format(
        name="tensorflow.numpy-save",
        backend="tensorflow",
        save=_save,
        load=_load,
        accepts="tensor",
        suffix=".npy",
        expected_failures={
            **IN_PLACE,
            **INTERRUPTIBLE,
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            **PICKLE,
            "dtype/int[24]": _EXTENSION,
            "dtype/uint[24]": _EXTENSION,
            "dtype/float4_*": _EXTENSION,
            "dtype/float8_*": _EXTENSION,
            "dtype/bfloat16": _EXTENSION,
            "dtype/float8_e5m2": _DESCRIPTOR,
            "bits/float8_e5m2": _DESCRIPTOR,
            "nan-payload/float8_e5m2": _DESCRIPTOR,
            "dtype/qint*": _INTEGERS,
            "dtype/quint*": _INTEGERS,
            "dtype/string": changed("to numpy a tensor of strings is an array of objects"),
            "container/*": _ARRAY,
            "tensor/kind": _NUMPY,
            "tensor/parameter": _NUMPY,
            "tensor/sparse": changed("np.save pickles what it cannot make an array of, and np.load gives an array of one object"),
        },
    ),
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
            "files/disk-full": crashed("HDF5 ends the process when a file is closed to which it could not write", defect=True),
            "process/two-writers": changed("both write in place, and HDF5 has no checksums here"),
            "security/overlap": changed("an address that leads to the values of another tensor is believed"),
            "model/frozen": _UNTRAINED,
            "mismatch/extra": changed("what the file has beyond the model's own is not looked at", defect=True),
            "mismatch/renamed": changed(
                "some layers are looked for by class and place, so one of another name takes their values", defect=True
            ),
            "mismatch/wrong-dtype": changed("values are assigned to the variables that are there, and assigning casts"),
        },
    ),
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
            "model/frozen": _UNTRAINED,
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
