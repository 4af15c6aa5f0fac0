"""`safetensors.tensorflow.save_file` puts arrays of NumPy into the caller's dict, which then cannot be saved a second time.

Shows: safetensors.tensorflow files/no-side-effects
Shows: safetensors.tensorflow process/memory
Shows: safetensors.tensorflow process/leaks
Upstream: safetensors/safetensors#480
"""

import tensorflow as tf
from safetensors.tensorflow import save_file

tensors = {"weight": tf.ones(2)}
save_file(tensors, "checkpoint.safetensors")
assert isinstance(tensors["weight"], tf.Tensor), f"after saving, the caller has a {type(tensors['weight'])}"
save_file(tensors, "checkpoint.safetensors")
