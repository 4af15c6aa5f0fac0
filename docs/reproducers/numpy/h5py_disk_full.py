"""When the last write to a file fails, `h5py` raises an error, and then HDF5 ends the process when it closes the file; so does Keras.

Covers: h5py.group files/disk-full
Covers: keras.weights-h5 files/disk-full
Covers: keras.h5 files/disk-full
Upstream: h5py/h5py#914
"""

import resource
import signal
import subprocess
import sys

import h5py
import numpy as np


def save() -> None:
    """Save as if only 4 KiB were free on the disk. HDF5 keeps the array in memory until it closes the file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    with h5py.File("checkpoint.h5", "w") as file:
        file["weight"] = np.ones(1000)


if "save" in sys.argv:
    save()
code = subprocess.run([sys.executable, __file__, "save"], capture_output=True).returncode
assert code >= 0, f"save ended the process by {signal.Signals(-code).name} instead of raising an error"
