"""`h5py` writes a masked array without its mask, and says nothing.

Shows: h5py.group tensor/masked
Upstream: h5py/h5py#2537
"""

import h5py
import numpy as np

saved = np.ma.array([1.0, 2.0], mask=[False, True])
with h5py.File("checkpoint.h5", "w") as file:
    file["weight"] = saved
with h5py.File("checkpoint.h5", "r") as file:
    loaded = file["weight"][...]
assert np.ma.getmaskarray(loaded).tolist() == [False, True], f"saved {saved!r}, got {loaded!r}"
