"""An error while Keras saves a `.h5` has the file closed as if it were complete: it loads, with zeros for what was not written yet.

Shows: keras.h5 crash/exception
"""

import contextlib
import unittest.mock

import h5py
import keras

model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
# Ctrl-C, just when the values are written.
with contextlib.suppress(KeyboardInterrupt), unittest.mock.patch.object(h5py.Dataset, "__setitem__", side_effect=KeyboardInterrupt):
    model.save("checkpoint.h5")
loaded = keras.models.load_model("checkpoint.h5")
assert (loaded.weights[0].numpy() == model.weights[0].numpy()).all(), f"it was not saved, and loads as {loaded.weights[0].numpy().tolist()}"
