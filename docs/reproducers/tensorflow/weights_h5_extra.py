"""`load_weights` accepts a file with more layers than the model has, and silently ignores them.

Covers: keras.weights-h5 mismatch/extra
"""

import contextlib
import warnings

import keras


def make(depth: int) -> keras.Model:
    return keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(2, name=f"layer{index}") for index in range(depth))])


make(3).save_weights("checkpoint.weights.h5")
messages = []
with warnings.catch_warnings(record=True) as caught, contextlib.suppress(ValueError):
    make(1).load_weights("checkpoint.weights.h5")
    messages = [str(each.message) for each in caught] or ["nothing"]
assert messages != ["nothing"], "the model does not have layer1 and layer2 of the file, and load_weights raised no error and no warning"
