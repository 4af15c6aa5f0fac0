"""`safetensors.tensorflow.save_file` replaces the tensors in the dict of the caller by NumPy arrays, so a second save fails.

Covers: safetensors.tensorflow files/no-side-effects
Covers: safetensors.tensorflow process/memory
Covers: safetensors.tensorflow process/leaks
Upstream: safetensors/safetensors#480
"""

import tensorflow as tf
from safetensors.tensorflow import save_file

tensors = {"weight": tf.ones(2)}
save_file(tensors, "checkpoint.safetensors")
assert isinstance(tensors["weight"], tf.Tensor), f"after save, the dict of the caller contains {type(tensors['weight'])}"
save_file(tensors, "checkpoint.safetensors")
