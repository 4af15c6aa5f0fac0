"""`safetensors.tensorflow` writes tensors of float8 that it cannot load: it looks for their type in NumPy.

Shows: safetensors.tensorflow */float8_*
Upstream: safetensors/safetensors#682
"""

import tensorflow as tf
from safetensors.tensorflow import load_file, save_file

saved = tf.cast([1.0, -2.0], tf.dtypes.experimental.float8_e4m3fn)
save_file({"weight": saved}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")["weight"]
assert loaded.dtype == saved.dtype, f"saved {saved.dtype}, got {loaded.dtype}"
