"""Safetensors writes five kinds of float8 for NumPy, Flax and TensorFlow, and looks for them in numpy when it loads, which has none.

Shows: safetensors.numpy */float8_e4m3fn
Shows: safetensors.numpy */float8_e4m3fnuz
Shows: safetensors.numpy */float8_e5m2
Shows: safetensors.numpy */float8_e5m2fnuz
Shows: safetensors.numpy */float8_e8m0fnu
Shows: safetensors.flax */float8_e4m3fn*
Shows: safetensors.flax */float8_e5m2*
Shows: safetensors.flax */float8_e8m0fnu
Shows: safetensors.tensorflow */float8_*
Upstream: safetensors/safetensors#682
"""

import ml_dtypes
import numpy as np
from safetensors.numpy import load_file, save_file

names = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
saved = {name: np.ones(2, dtype=getattr(ml_dtypes, name)) for name in names}
save_file(saved, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")
assert all(loaded[name].dtype == saved[name].dtype for name in names), f"saved {saved}, got {loaded}"
