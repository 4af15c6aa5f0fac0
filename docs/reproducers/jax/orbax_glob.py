"""Orbax uses the path as a glob pattern when it merges files: with brackets in a name it merges nothing, and only a log reports this.

Covers: orbax.standard files/path-glob
Covers: orbax.pytree files/path-glob
Covers: flax.checkpoints files/path-glob
"""

import pathlib

import jax.numpy as jnp
import orbax.checkpoint as ocp

saved, path = {"weight": jnp.ones(2)}, pathlib.Path.cwd() / "checkpoint[1]"
ocp.PyTreeCheckpointer().save(path, saved)
loaded = ocp.PyTreeCheckpointer().restore(path)
assert (loaded["weight"] == saved["weight"]).all(), f"saved {saved}, got {loaded}"
