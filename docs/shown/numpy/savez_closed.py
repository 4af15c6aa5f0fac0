"""When an array cannot be written, `np.savez`, and so `jnp.savez`, closes its archive as if it were complete, and half of it loads.

Shows: numpy.savez files/failed-save-keeps-old
Shows: numpy.savez crash/exception
Shows: numpy.savez-compressed files/failed-save-keeps-old
Shows: numpy.savez-compressed files/disk-full
Shows: numpy.savez-compressed crash/exception
Shows: jax.numpy-savez files/failed-save-keeps-old
Shows: jax.numpy-savez crash/exception
"""

import contextlib

import numpy as np


class Unsavable:
    def __array__(self, *arguments, **keywords):
        raise TypeError("this cannot be saved")


for save in (np.savez, np.savez_compressed):
    old = {"a": np.zeros(2), "b": np.zeros(2)}
    save("checkpoint.npz", **old)
    with contextlib.suppress(TypeError):
        save("checkpoint.npz", a=np.ones(2), b=Unsavable())
    loaded = dict(np.load("checkpoint.npz"))
    assert loaded.keys() == old.keys(), f"neither the old checkpoint nor an error, but half of the new one: {loaded}"
