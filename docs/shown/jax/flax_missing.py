"""`flax.training.checkpoints.restore_checkpoint` gives None, and no error, where the checkpoint is not there.

Shows: flax.checkpoints corruption/missing-part
Shows: flax.checkpoints crash/durable
Upstream: google/flax#1631
"""

import pathlib
import shutil

import jax.numpy as jnp
from flax.training import checkpoints

saved, folder = {"weight": jnp.ones(2)}, pathlib.Path.cwd() / "checkpoints"
shutil.rmtree(checkpoints.save_checkpoint(folder, saved, step=1))
try:
    loaded = checkpoints.restore_checkpoint(folder, target=None)
except (OSError, ValueError):
    raise SystemExit(0) from None
assert loaded is not None, "the checkpoint is gone, and None was loaded without an error"
