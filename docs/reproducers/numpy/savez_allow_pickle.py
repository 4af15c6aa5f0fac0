"""`np.savez` takes an array named `allow_pickle` as its own parameter and does not write it; `jnp.savez` is the same function.

Covers: numpy.savez keys/api-names
Covers: numpy.savez-compressed keys/api-names
Covers: jax.numpy-savez keys/api-names
Upstream: numpy/numpy#27335
Upstream: numpy/numpy#13983
"""

import numpy as np

for save in (np.savez, np.savez_compressed):
    saved = {"weight": np.ones(2), "allow_pickle": np.array(True)}
    save("checkpoint.npz", **saved)
    loaded = list(np.load("checkpoint.npz"))
    assert loaded == list(saved), f"saved {list(saved)}, got {loaded}"
