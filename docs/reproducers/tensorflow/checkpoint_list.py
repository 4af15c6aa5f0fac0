"""`tf.train.Checkpoint` does not save layers that a Keras model has in a list or dict, and `assert_consumed` does not report this.

Covers: tensorflow.checkpoint model/list
Covers: tensorflow.checkpoint model/dict
Covers: tensorflow.checkpoint model/rnn
Covers: tensorflow.checkpoint model/lstm
Covers: tensorflow.checkpoint model/gru
Upstream: keras-team/keras#18398
"""

import keras
import tensorflow as tf
from keras import layers


class Model(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.steps = [layers.Dense(2)]
        self.heads = {"head": layers.Dense(2)}
        self.stack = layers.RNN(layers.StackedRNNCells([layers.SimpleRNNCell(2), layers.LSTMCell(2), layers.GRUCell(2)]))

    def call(self, inputs):
        return self.stack(self.heads["head"](self.steps[0](inputs)))


saved, loaded = Model(), Model()
saved(tf.ones((1, 3, 2))), loaded(tf.ones((1, 3, 2)))
tf.train.Checkpoint(model=saved).write("checkpoint")
tf.train.Checkpoint(model=loaded).read("checkpoint").assert_consumed()
lost = [ours.path for ours, theirs in zip(saved.weights, loaded.weights, strict=True) if tf.reduce_any(ours != theirs)]
assert not lost, f"no error, but these were not restored: {lost}"
