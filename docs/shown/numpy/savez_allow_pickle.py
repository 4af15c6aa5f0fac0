"""`np.savez` takes an array called `allow_pickle` for its own argument, and does not write it; `jnp.savez` is the same function.

Shows: numpy.savez keys/api-names
Shows: numpy.savez-compressed keys/api-names
Shows: jax.numpy-savez keys/api-names
Upstream: numpy/numpy#27335
Upstream: numpy/numpy#13983
"""

import numpy as np

for save in (np.savez, np.savez_compressed):
    saved = {"weight": np.ones(2), "allow_pickle": np.array(True)}
    save("checkpoint.npz", **saved)
    loaded = list(np.load("checkpoint.npz"))
    assert loaded == list(saved), f"saved {list(saved)}, got {loaded}"
