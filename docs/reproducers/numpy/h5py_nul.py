"""`h5py` passes a name to HDF5 as a C string, which ends at the first NUL, so the array is loaded under another name.

Covers: h5py.group keys/nul
"""

import h5py
import numpy as np

with h5py.File("checkpoint.h5", "w") as file:
    file["a\0b"] = np.ones(2)
with h5py.File("checkpoint.h5", "r") as file:
    loaded = list(file)
assert loaded == ["a\0b"], f"saved ['a\\x00b'], got {loaded}"
