"""`safetensors.flax.load_file` makes 32 bits of the 64 that the file has where `jax_enable_x64` is off, and says nothing.

Shows: safetensors.flax mismatch/64-bit-off
"""

import warnings

import jax
import jax.numpy as jnp
from safetensors.flax import load_file, save_file

saved = 2**40 + 1
with jax.enable_x64(True):
    save_file({"step": jnp.array(saved)}, "checkpoint.safetensors")
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    loaded = load_file("checkpoint.safetensors")["step"]
assert said or int(loaded) == saved, f"saved {saved}, got {loaded} without a warning"
