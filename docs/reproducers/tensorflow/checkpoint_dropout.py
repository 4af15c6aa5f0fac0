"""`tf.train.Checkpoint` does not save the random state of a Keras Dropout layer, and `assert_consumed` does not report this.

Covers: tensorflow.checkpoint training/dropout
"""

import keras
import tensorflow as tf


def make() -> keras.Model:
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(8), keras.layers.Dropout(0.5, seed=1)])


saved, loaded = make(), make()
inputs = tf.ones((1, 8))
saved(inputs, training=True)
tf.train.Checkpoint(model=saved).write("checkpoint")
tf.train.Checkpoint(model=loaded).read("checkpoint").assert_consumed()
ours, theirs = (next(variable for variable in model.variables if variable.path.endswith("state")).numpy() for model in (saved, loaded))
assert (ours == theirs).all(), f"no error, but the random state is {theirs.tolist()} instead of {ours.tolist()}"
