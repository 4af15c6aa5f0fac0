"""`safetensors.tensorflow.save_file` cannot save a tensor without dimensions, because `numpy()` returns a scalar for it.

Covers: safetensors.tensorflow shape/scalar
Covers: safetensors.tensorflow tensor/class
"""

import tensorflow as tf
from safetensors.tensorflow import load_file, save_file

save_file({"step": tf.constant(3.0)}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")["step"]
assert loaded.numpy().tolist() == 3.0, f"saved 3.0, got {loaded}"
