"""`jnp.load` makes 32 bits of the 64 that the file has where `jax_enable_x64` is off, and says nothing.

Shows: jax.numpy-save mismatch/64-bit-off
Upstream: jax-ml/jax#17858
"""

import warnings

import jax
import jax.numpy as jnp

saved = 2**40 + 1
with jax.enable_x64(True):
    jnp.save("checkpoint.npy", jnp.array(saved))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    loaded = jnp.load("checkpoint.npy")
assert said or int(loaded) == saved, f"saved {saved}, got {loaded} without a warning"
