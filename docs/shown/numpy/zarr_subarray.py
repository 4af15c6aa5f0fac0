"""`zarr` cannot save a structured array with a field that is an array: it fails to make the fill value of its own data type.

Shows: zarr.group */struct-subarray
Upstream: zarr-developers/zarr-python#3583
"""

import numpy as np
import zarr

saved = np.array([((1, 2),)], dtype=[("pair", "<i4", (2,))])
zarr.open_group("checkpoint.zarr", mode="w").create_array("weight", data=saved)
loaded = zarr.open_group("checkpoint.zarr", mode="r")["weight"][...]
assert loaded.tobytes() == saved.tobytes(), f"saved {saved}, got {loaded}"
