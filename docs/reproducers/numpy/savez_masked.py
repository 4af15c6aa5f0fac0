"""`np.savez` silently writes a masked array without its mask; `np.save` raises an error.

Covers: numpy.savez tensor/masked
Covers: numpy.savez-compressed tensor/masked
Upstream: numpy/numpy#18134
"""

import numpy as np

for save in (np.savez, np.savez_compressed):
    saved = np.ma.array([1.0, 2.0], mask=[False, True])
    save("checkpoint.npz", weight=saved)
    loaded = np.load("checkpoint.npz")["weight"]
    assert np.ma.getmaskarray(loaded).tolist() == [False, True], f"saved {saved!r}, got {loaded!r}"
