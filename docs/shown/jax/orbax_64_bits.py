"""Orbax makes 32 bits of the 64 that a checkpoint has where `jax_enable_x64` is off, and says nothing.

Shows: orbax.standard mismatch/64-bit-off
Shows: orbax.pytree mismatch/64-bit-off
Shows: flax.checkpoints mismatch/64-bit-off
"""

import logging
import pathlib

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

saved, path, said = 2**40 + 1, pathlib.Path.cwd() / "checkpoint", []
with jax.enable_x64(True):
    ocp.PyTreeCheckpointer().save(path, {"step": jnp.array([saved])})
logging.getLogger("absl").addHandler(handler := logging.Handler(logging.WARNING))
handler.emit = lambda record: said.append(record.getMessage())
loaded = ocp.PyTreeCheckpointer().restore(path)["step"]
assert any("64" in each for each in said) or int(loaded[0]) == saved, f"saved {saved}, got {loaded} without a warning"
