"""Keras writes bfloat16 weights into a `.h5` file that it cannot load.

Covers: keras.h5 model/values
Covers: keras.h5 model/mixed-dtype
Upstream: keras-team/keras#17069
"""

import keras

model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, dtype="bfloat16")])
model.save("checkpoint.h5")
loaded = keras.models.load_model("checkpoint.h5")
assert (loaded.weights[0].numpy() == model.weights[0].numpy()).all(), f"saved {model.weights[0]}, got {loaded.weights[0]}"
