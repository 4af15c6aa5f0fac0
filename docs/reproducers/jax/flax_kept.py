"""`flax.training.checkpoints.restore_checkpoint` silently keeps the values of the target for keys that the file does not have.

Covers: flax.checkpoints mismatch/missing
Covers: flax.checkpoints mismatch/renamed
"""

import logging
import pathlib

import jax.numpy as jnp
from flax.training import checkpoints

saved, target = {"weight": jnp.ones(2)}, {"kernel": jnp.zeros(2)}
folder, messages = pathlib.Path.cwd() / "checkpoints", []
checkpoints.save_checkpoint(folder, saved, step=1)
logging.getLogger("absl").addHandler(handler := logging.Handler(logging.WARNING))
handler.emit = lambda record: messages.append(record.getMessage())
try:
    loaded = checkpoints.restore_checkpoint(folder, target=target)
except (KeyError, ValueError):
    raise SystemExit(0) from None
assert any("weight" in each or "kernel" in each for each in messages), f"saved {saved}, got {loaded} without a warning"
