"""`safetensors.numpy.save_file` writes memory from an array's first element on, whatever its strides, and other values come back.

Shows: safetensors.numpy layout/transposed
Shows: safetensors.numpy layout/fortran
Shows: safetensors.numpy layout/sliced
Shows: safetensors.numpy layout/negative-stride
Shows: safetensors.numpy layout/broadcast
Shows: safetensors.numpy layout/channels-last
Shows: safetensors.numpy tensor/strides
Upstream: safetensors/safetensors#825
"""

import numpy as np
from safetensors.numpy import load_file, save_file

whole = np.arange(6.0).reshape(2, 3)
for saved in (whole.T, np.asfortranarray(whole), whole[:, ::2], whole[0, 1::-1], np.broadcast_to(whole[0, 1], 1), whole.T[:2]):
    save_file({"weight": saved}, "checkpoint.safetensors")
    loaded = load_file("checkpoint.safetensors")["weight"]
    assert (loaded == saved).all(), f"saved {saved.tolist()}, got {loaded.tolist()}"
