"""`flax.training.checkpoints.restore_checkpoint` casts what is read to the dtype of the target, and says nothing.

Shows: flax.checkpoints mismatch/wrong-dtype
"""

import pathlib
import warnings

import jax.numpy as jnp
from flax.training import checkpoints

saved, folder = jnp.array([1.5, 300.0]), pathlib.Path.cwd() / "checkpoints"
checkpoints.save_checkpoint(folder, {"weight": saved}, step=1)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    loaded = checkpoints.restore_checkpoint(folder, target={"weight": jnp.zeros(2, dtype=jnp.int8)})["weight"]
assert any("dtype" in str(each.message) for each in said) or (loaded == saved).all(), f"saved {saved}, got {loaded!r}"
