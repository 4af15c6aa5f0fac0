"""HDF5 empties a file before it asks for its lock, so a save of h5py or Keras that is refused destroys what the other one has written.

Shows: h5py.group process/two-writers
Shows: keras.weights-h5 process/two-writers
Shows: keras.h5 process/two-writers
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
assert (loaded == saved).all(), f"the other writer was refused, and yet of what was saved and synced this came back: {loaded}"
