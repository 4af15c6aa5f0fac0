"""Safetensors writes a tensor called `__metadata__` where the file's own metadata should stand, and then cannot read the file.

Shows: safetensors.numpy keys/api-names
Shows: safetensors.torch keys/api-names
Shows: safetensors.tensorflow keys/api-names
Shows: safetensors.flax keys/api-names
Upstream: safetensors/safetensors#849
"""

import numpy as np
from safetensors.numpy import load_file, save_file

save_file({"__metadata__": np.ones(2)}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")
assert list(loaded) == ["__metadata__"], f"got {loaded}"
