"""HDF5 empties a file before it asks for the lock, so a save that is refused, as another process has the file, destroys what is there.

Shows: keras.weights-h5 process/two-writers
Shows: keras.h5 process/two-writers
Upstream: h5py/h5py#1864
"""

import pathlib
import subprocess
import sys

import h5py
import keras

model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
if "save" in sys.argv:
    model.save("checkpoint.h5") if "checkpoint.h5" in sys.argv else model.save_weights("checkpoint.weights.h5")
    sys.exit()
model.save("checkpoint.h5")
model.save_weights("checkpoint.weights.h5")
left = []
for name in ("checkpoint.h5", "checkpoint.weights.h5"):
    with h5py.File(name):
        other = subprocess.run([sys.executable, __file__, "save", name], capture_output=True, text=True)
        assert "unable to lock file" in other.stderr, other.stderr
    left.append(pathlib.Path(name).stat().st_size)
assert all(left), f"the other process was not allowed to save, and of the files that were there so many bytes are left: {left}"
