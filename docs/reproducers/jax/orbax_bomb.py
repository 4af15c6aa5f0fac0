"""Orbax crashes when it loads a checkpoint whose `_sharding` file is deeply nested JSON.

Covers: orbax.pytree security/bomb
Covers: flax.checkpoints security/bomb
"""

import pathlib

import jax.numpy as jnp
import orbax.checkpoint as ocp

saved, path = jnp.ones(2), pathlib.Path.cwd() / "checkpoint"
ocp.PyTreeCheckpointer().save(path, {"x": saved})
path.joinpath("_sharding").write_text('{"eA==": ' + "[" * 1_000_000 + "]" * 1_000_000 + "}")
try:
    loaded = ocp.PyTreeCheckpointer().restore(path)
except ValueError:
    raise SystemExit(0) from None
assert (loaded["x"] == saved).all(), f"saved {saved}, got {loaded}"
