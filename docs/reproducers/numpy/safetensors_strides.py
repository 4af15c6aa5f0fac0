"""`safetensors.numpy.save_file` writes memory from the first element of an array on and ignores its strides, so other values are loaded.

Covers: safetensors.numpy layout/transposed
Covers: safetensors.numpy layout/fortran
Covers: safetensors.numpy layout/sliced
Covers: safetensors.numpy layout/negative-stride
Covers: safetensors.numpy layout/broadcast
Covers: safetensors.numpy layout/channels-last
Covers: safetensors.numpy tensor/strides
Upstream: safetensors/safetensors#825
"""

import numpy as np
from safetensors.numpy import load_file, save_file

whole = np.arange(6.0).reshape(2, 3)
for saved in (whole.T, np.asfortranarray(whole), whole[:, ::2], whole[0, 1::-1], np.broadcast_to(whole[0, 1], 1), whole.T[:2]):
    save_file({"weight": saved}, "checkpoint.safetensors")
    loaded = load_file("checkpoint.safetensors")["weight"]
    assert (loaded == saved).all(), f"saved {saved.tolist()}, got {loaded.tolist()}"
