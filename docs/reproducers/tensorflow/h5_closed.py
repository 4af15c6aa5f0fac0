"""An error while Keras saves a `.h5` file closes the file as if it were complete, and values that were not written are loaded as zeros.

Covers: keras.h5 crash/exception
"""

import contextlib
import unittest.mock

import h5py
import keras

model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
# Ctrl-C while the values are written.
with contextlib.suppress(KeyboardInterrupt), unittest.mock.patch.object(h5py.Dataset, "__setitem__", side_effect=KeyboardInterrupt):
    model.save("checkpoint.h5")
loaded = keras.models.load_model("checkpoint.h5")
values = loaded.weights[0].numpy()
assert (values == model.weights[0].numpy()).all(), f"the save failed, but the file loads as {values.tolist()}"
