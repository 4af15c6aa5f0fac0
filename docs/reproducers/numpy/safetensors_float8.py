"""Safetensors writes five float8 dtypes for NumPy, Flax and TensorFlow, but looks them up in the module numpy on load, which has none.

Covers: safetensors.numpy */float8_e4m3fn
Covers: safetensors.numpy */float8_e4m3fnuz
Covers: safetensors.numpy */float8_e5m2
Covers: safetensors.numpy */float8_e5m2fnuz
Covers: safetensors.numpy */float8_e8m0fnu
Covers: safetensors.flax */float8_e4m3fn*
Covers: safetensors.flax */float8_e5m2*
Covers: safetensors.flax */float8_e8m0fnu
Covers: safetensors.tensorflow */float8_*
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
