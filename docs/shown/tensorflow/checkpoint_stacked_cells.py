"""`tf.train.Checkpoint` leaves out the cells of `keras.layers.StackedRNNCells`, and `assert_consumed` does not miss them.

Shows: tensorflow.checkpoint model/rnn
Shows: tensorflow.checkpoint model/lstm
Shows: tensorflow.checkpoint model/gru
"""

import keras
import tensorflow as tf
from keras import layers


def make() -> keras.Model:
    cells = [kind(2) for kind in (layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell)]
    return keras.Sequential([keras.Input((3, 2)), layers.RNN(layers.StackedRNNCells(cells))])


saved, loaded = make(), make()
tf.train.Checkpoint(model=saved).write("checkpoint")
tf.train.Checkpoint(model=loaded).read("checkpoint").assert_consumed()
lost = [ours.path for ours, theirs in zip(saved.weights, loaded.weights, strict=True) if tf.reduce_any(ours != theirs)]
assert not lost, f"nothing was said, and these did not come back: {lost}"
