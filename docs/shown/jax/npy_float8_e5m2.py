"""`jnp.save` and `jnp.savez` write a descriptor of float8_e5m2 into the header that `jnp.load` does not parse.

Shows: jax.numpy-save dtype/float8_e5m2
Shows: jax.numpy-save bits/float8_e5m2
Shows: jax.numpy-save nan-payload/float8_e5m2
Shows: jax.numpy-savez dtype/float8_e5m2
Shows: jax.numpy-savez bits/float8_e5m2
Shows: jax.numpy-savez nan-payload/float8_e5m2
Upstream: jax-ml/ml_dtypes#216
"""

import jax.numpy as jnp

saved = jnp.array([1.0, -2.0], dtype=jnp.float8_e5m2)
jnp.savez("checkpoint.npz", weight=saved)
jnp.save("checkpoint.npy", saved)
loaded = [jnp.load("checkpoint.npy"), jnp.load("checkpoint.npz")["weight"]]
assert all(each.dtype == saved.dtype and (each == saved).all() for each in loaded), f"saved {saved!r}, got {loaded}"
