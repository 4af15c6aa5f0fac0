"""`load_weights` takes a file of more layers than the model has, and does not say that it leaves some out.

Shows: keras.weights-h5 mismatch/extra
"""

import contextlib
import warnings

import keras


def make(depth: int) -> keras.Model:
    return keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(2, name=f"layer{index}") for index in range(depth))])


make(3).save_weights("checkpoint.weights.h5")
said = []
with warnings.catch_warnings(record=True) as caught, contextlib.suppress(ValueError):
    make(1).load_weights("checkpoint.weights.h5")
    said = [str(each.message) for each in caught] or ["nothing"]
assert said != ["nothing"], "layer1 and layer2 of the file have no place in the model, and nothing was said"
