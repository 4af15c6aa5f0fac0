"""`h5py` hands a name over as a C string, which ends at its first NUL, and what was saved under it comes back under another.

Shows: h5py.group keys/nul
"""

import h5py
import numpy as np

with h5py.File("checkpoint.h5", "w") as file:
    file["a\0b"] = np.ones(2)
with h5py.File("checkpoint.h5", "r") as file:
    loaded = list(file)
assert loaded == ["a\0b"], f"saved ['a\\x00b'], got {loaded}"
