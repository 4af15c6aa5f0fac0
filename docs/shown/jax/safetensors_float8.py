"""`safetensors.flax.save_file` writes five kinds of float8, and `load_file` looks for them in numpy, which has none.

Shows: safetensors.flax */float8_e4m3fn*
Shows: safetensors.flax */float8_e5m2*
Shows: safetensors.flax */float8_e8m0fnu
Upstream: safetensors/safetensors#682
"""

import jax.numpy as jnp
from safetensors.flax import load_file, save_file

kinds = (jnp.float8_e4m3fn, jnp.float8_e4m3fnuz, jnp.float8_e5m2, jnp.float8_e5m2fnuz, jnp.float8_e8m0fnu)
save_file({kind.__name__: jnp.ones(2, dtype=kind) for kind in kinds}, "checkpoint.safetensors")
loaded = load_file("checkpoint.safetensors")
assert all(loaded[kind.__name__].dtype == kind for kind in kinds), f"got {loaded}"
