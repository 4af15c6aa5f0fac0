"""`jnp.savez` closes its archive as if it were complete when an array cannot be written, and half of a checkpoint loads without an error.

Shows: jax.numpy-savez files/failed-save-keeps-old
Shows: jax.numpy-savez crash/exception
"""

import contextlib

import jax.numpy as jnp


class Unsavable:
    def __array__(self, *arguments, **keywords):
        raise TypeError("this cannot be saved")


old = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
jnp.savez("checkpoint.npz", **old)
with contextlib.suppress(TypeError):
    jnp.savez("checkpoint.npz", a=jnp.ones(2), b=Unsavable())
loaded = dict(jnp.load("checkpoint.npz"))
assert loaded.keys() == old.keys(), f"neither the old checkpoint nor an error, but half of the new one: {loaded}"
