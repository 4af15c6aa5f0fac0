"""`zarr` does not write a chunk that equals the fill value, and treats complex 0.0 and -0.0 as equal, so -0.0 is loaded as 0.0.

Covers: zarr.group bits/complex64
Covers: zarr.group bits/complex128
Upstream: zarr-developers/zarr-python#3144
"""

import numpy as np
import zarr

for dtype in (np.complex64, np.complex128):
    saved = np.array([complex(-0.0, 0.0), complex(0.0, -0.0)], dtype=dtype)
    zarr.open_group("checkpoint.zarr", mode="w").create_array("weight", data=saved)
    loaded = zarr.open_group("checkpoint.zarr", mode="r")["weight"][...]
    assert loaded.tobytes() == saved.tobytes(), f"saved {saved}, got {loaded}"
