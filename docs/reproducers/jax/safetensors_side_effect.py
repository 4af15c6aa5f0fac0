"""`safetensors.flax.save_file` replaces the JAX arrays in the dict of the caller by NumPy arrays.

Covers: safetensors.flax files/no-side-effects
"""

import jax
import jax.numpy as jnp
from safetensors.flax import save_file

parameters = {"weight": jnp.ones(2)}
save_file(parameters, "checkpoint.safetensors")
assert isinstance(parameters["weight"], jax.Array), f"after save, the dict of the caller contains {type(parameters['weight'])}"
