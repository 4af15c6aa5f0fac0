"""`jnp.savez` ends a name at its first NUL, and what was saved under it comes back under another.

Shows: jax.numpy-savez keys/nul
"""

import jax.numpy as jnp

jnp.savez("checkpoint.npz", **{"a\0b": jnp.ones(2)})
loaded = list(jnp.load("checkpoint.npz"))
assert loaded == ["a\0b"], f"saved ['a\\x00b'], got {loaded}"
