"""`flax.training.checkpoints.save_checkpoint`, which says that it is pre-emption safe, removes the old checkpoint before it writes the new.

Shows: flax.checkpoints files/failed-save-keeps-old
Shows: flax.checkpoints files/disk-full
Shows: flax.checkpoints process/reader-beside-writer
Shows: flax.checkpoints crash/kill
Shows: flax.checkpoints crash/exception
Shows: flax.checkpoints crash/power-loss
"""

import pathlib

import jax.numpy as jnp
from flax.training import checkpoints

old, folder = {"weight": jnp.ones(2)}, pathlib.Path.cwd() / "checkpoints"
checkpoints.save_checkpoint(folder, old, step=1)
try:
    checkpoints.save_checkpoint(folder, {"weight": object()}, step=1, overwrite=True)
except ValueError as error:
    print(f"the new one is not saved: {error}")
loaded = checkpoints.restore_checkpoint(folder, target=None)
assert loaded is not None, "saving has failed, the old checkpoint is gone, and None was loaded without an error"
