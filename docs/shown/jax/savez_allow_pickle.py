"""`jnp.savez` takes an array called `allow_pickle` for its own argument, and does not write it.

Shows: jax.numpy-savez keys/api-names
"""

import jax.numpy as jnp

saved = {"weight": jnp.ones(2), "allow_pickle": jnp.array(True)}
jnp.savez("checkpoint.npz", **saved)
loaded = list(jnp.load("checkpoint.npz"))
assert loaded == list(saved), f"saved {list(saved)}, got {loaded}"
