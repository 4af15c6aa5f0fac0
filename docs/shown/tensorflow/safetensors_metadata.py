"""`safetensors.tensorflow` writes a tensor called `__metadata__` into a file that it then cannot load.

Shows: safetensors.tensorflow keys/api-names
Upstream: safetensors/safetensors#849
"""

import tensorflow as tf
from safetensors.tensorflow import load_file, save_file

save_file({"__metadata__": tf.ones(2)}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")
assert list(loaded) == ["__metadata__"], f"saved a tensor called __metadata__, got {loaded}"
