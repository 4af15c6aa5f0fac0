"""`zarr` cannot save a structured array with an array as a field, because it cannot create the default fill value of that data type.

Covers: zarr.group */struct-subarray
Upstream: zarr-developers/zarr-python#3583
"""

import numpy as np
import zarr

saved = np.array([((1, 2),)], dtype=[("pair", "<i4", (2,))])
zarr.open_group("checkpoint.zarr", mode="w").create_array("weight", data=saved)
loaded = zarr.open_group("checkpoint.zarr", mode="r")["weight"][...]
assert loaded.tobytes() == saved.tobytes(), f"saved {saved}, got {loaded}"
