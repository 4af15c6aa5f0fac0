"""If one array cannot be written, `np.savez` and `jnp.savez` close the archive as if it were complete, and it loads without the others.

Covers: numpy.savez files/failed-save-keeps-old
Covers: numpy.savez crash/exception
Covers: numpy.savez-compressed files/failed-save-keeps-old
Covers: numpy.savez-compressed files/disk-full
Covers: numpy.savez-compressed crash/exception
Covers: jax.numpy-savez files/failed-save-keeps-old
Covers: jax.numpy-savez crash/exception
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
    assert loaded.keys() == old.keys(), f"expected the old checkpoint or an error, got a part of the new checkpoint: {loaded}"
