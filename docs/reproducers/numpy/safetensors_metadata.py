"""Safetensors writes a tensor named `__metadata__` under the key that is reserved for the metadata of the file, and cannot load the file.

Covers: safetensors.numpy keys/api-names
Covers: safetensors.torch keys/api-names
Covers: safetensors.tensorflow keys/api-names
Covers: safetensors.flax keys/api-names
Upstream: safetensors/safetensors#849
"""

import numpy as np
from safetensors.numpy import load_file, save_file

save_file({"__metadata__": np.ones(2)}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")
assert list(loaded) == ["__metadata__"], f"got {loaded}"
