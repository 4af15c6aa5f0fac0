"""Orbax takes its path for a pattern when it merges what it has written: with brackets in a name nothing is merged, and a log alone tells.

Shows: orbax.standard files/path-glob
Shows: orbax.pytree files/path-glob
Shows: flax.checkpoints files/path-glob
"""

import pathlib

import jax.numpy as jnp
import orbax.checkpoint as ocp

saved, path = {"weight": jnp.ones(2)}, pathlib.Path.cwd() / "checkpoint[1]"
ocp.PyTreeCheckpointer().save(path, saved)
loaded = ocp.PyTreeCheckpointer().restore(path)
assert (loaded["weight"] == saved["weight"]).all(), f"saved {saved}, got {loaded}"
