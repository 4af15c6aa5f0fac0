"""`safetensors.tensorflow.save_file` does not save a tensor without dimensions, of which `numpy()` makes a scalar.

Shows: safetensors.tensorflow shape/scalar
Shows: safetensors.tensorflow tensor/class
"""

import tensorflow as tf
from safetensors.tensorflow import load_file, save_file

save_file({"step": tf.constant(3.0)}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")["step"]
assert loaded.numpy().tolist() == 3.0, f"saved 3.0, got {loaded}"
