"""`safetensors.flax.save_file` puts arrays of NumPy into the caller's dict in place of those of jax.

Shows: safetensors.flax files/no-side-effects
"""

import jax
import jax.numpy as jnp
from safetensors.flax import save_file

parameters = {"weight": jnp.ones(2)}
save_file(parameters, "checkpoint.safetensors")
assert isinstance(parameters["weight"], jax.Array), f"after saving, the caller has a {type(parameters['weight'])}"
