"""`np.savez` ends a name at its first NUL, and what was saved under it comes back under another.

Shows: numpy.savez keys/nul
Shows: numpy.savez-compressed keys/nul
"""

import numpy as np

for save in (np.savez, np.savez_compressed):
    save("checkpoint.npz", **{"a\0b": np.ones(2)})
    loaded = list(np.load("checkpoint.npz"))
    assert loaded == ["a\0b"], f"saved ['a\\x00b'], got {loaded}"
