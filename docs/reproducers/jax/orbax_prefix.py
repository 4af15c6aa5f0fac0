"""Orbax joins the keys of a path with dots, so the key `a.b` and the key `b` inside `a` become one entry, and one value is lost.

Covers: orbax.standard keys/prefix
Covers: orbax.pytree keys/prefix
Covers: flax.checkpoints keys/prefix
"""

import pathlib

import jax.numpy as jnp
import orbax.checkpoint as ocp
from flax.training import checkpoints

saved, folder = {"a": {"b": jnp.array(1.0)}, "a.b": jnp.array(2.0)}, pathlib.Path.cwd()
ocp.PyTreeCheckpointer().save(folder / "pytree", saved)
checkpoints.save_checkpoint(folder / "flax", saved, step=1)
with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(folder / "standard", saved)
    checkpointer.wait_until_finished()
    loaded = [checkpointer.restore(folder / "standard", saved), ocp.PyTreeCheckpointer().restore(folder / "pytree")]
loaded.append(checkpoints.restore_checkpoint(folder / "flax", target=None))
assert all(each == saved for each in loaded), f"saved {saved}, got {loaded}"
