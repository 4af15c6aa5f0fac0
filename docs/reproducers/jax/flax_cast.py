"""`flax.training.checkpoints.restore_checkpoint` silently casts values to the dtype of the target; `from_bytes` does not.

Covers: flax.checkpoints mismatch/wrong-dtype
"""

import logging
import pathlib
import warnings

import jax.numpy as jnp
from flax import serialization
from flax.training import checkpoints

saved, folder = jnp.array([1.5, 300.0]), pathlib.Path.cwd() / "checkpoints"
target, messages = {"weight": jnp.zeros(2, dtype=jnp.int8)}, []
assert serialization.from_bytes(target, serialization.to_bytes({"weight": saved}))["weight"].dtype == saved.dtype
checkpoints.save_checkpoint(folder, {"weight": saved}, step=1)
logging.getLogger("absl").addHandler(handler := logging.Handler(logging.WARNING))
handler.emit = lambda record: messages.append(record.getMessage())
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    loaded = checkpoints.restore_checkpoint(folder, target=target)["weight"]
messages += [str(each.message) for each in warned]
assert any("dtype" in each for each in messages) or (loaded == saved).all(), f"saved {saved}, got {loaded!r}"
