"""`safetensors.flax.save_file` writes an array called `__metadata__`, and `load_file` takes it for the header's own entry.

Shows: safetensors.flax keys/api-names
Upstream: safetensors/safetensors#849
"""

import jax.numpy as jnp
from safetensors.flax import load_file, save_file

saved = jnp.array([1, 2])
save_file({"__metadata__": saved}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")
assert (loaded["__metadata__"] == saved).all(), f"saved {saved!r}, got {loaded}"
