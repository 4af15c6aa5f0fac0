"""`safetensors.numpy.save_file` writes a masked array without its mask, and says nothing.

Shows: safetensors.numpy tensor/masked
"""

import numpy as np
from safetensors.numpy import load_file, save_file

saved = np.ma.array([1.0, 2.0], mask=[False, True])
save_file({"weight": saved}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")["weight"]
assert np.ma.getmaskarray(loaded).tolist() == [False, True], f"saved {saved!r}, got {loaded!r}"
