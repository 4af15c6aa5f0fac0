"""`keras.Model.export` writes each value twice, for the Keras variable and for the TensorFlow variable inside it.

Covers: tensorflow.saved-model files/size
Upstream: keras-team/keras#23553
"""

import pathlib

import keras
import tensorflow as tf

model = keras.Sequential([keras.Input((256,)), keras.layers.Dense(256)])
model.export("checkpoint", verbose=False)
names = [name for name, _ in tf.train.list_variables("checkpoint/variables/variables")]
size = sum(file.stat().st_size for file in pathlib.Path("checkpoint/variables").iterdir())
values = sum(4 * variable.shape.num_elements() for variable in map(tf.convert_to_tensor, model.variables))
assert size < 1.5 * values, f"{size} bytes on disk for {values} bytes of values: {names}"
