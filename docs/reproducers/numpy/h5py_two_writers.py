"""HDF5 truncates a file before it locks it, so a save of h5py or Keras that cannot get the lock destroys the file of the other writer.

Covers: h5py.group process/two-writers
Covers: keras.weights-h5 process/two-writers
Covers: keras.h5 process/two-writers
Upstream: h5py/h5py#1864
"""

import subprocess
import sys

import h5py
import numpy as np

saved = np.arange(1.0, 1001.0)
with h5py.File("checkpoint.h5", "w") as file:
    file["weight"] = saved
    file.flush()
    other = subprocess.run([sys.executable, "-c", "import h5py; h5py.File('checkpoint.h5', 'w')"], capture_output=True, text=True)
    assert "unable to lock file" in other.stderr, other.stderr
with h5py.File("checkpoint.h5", "r") as file:
    loaded = file["weight"][...]
assert (loaded == saved).all(), f"the other writer could not get the lock, but the saved and synced file now contains {loaded}"
