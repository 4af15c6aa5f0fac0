"""When the last write of a file fails, `h5py` raises as it should, and then HDF5 ends the process, also that of Keras, as it closes.

Shows: h5py.group files/disk-full
Shows: keras.weights-h5 files/disk-full
Shows: keras.h5 files/disk-full
Upstream: h5py/h5py#914
"""

import resource
import signal
import subprocess
import sys

import h5py
import numpy as np


def save() -> None:
    """Saves as on a disk that has room for 4 KiB; the array is kept in memory until the file is closed."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    with h5py.File("checkpoint.h5", "w") as file:
        file["weight"] = np.ones(1000)


if "save" in sys.argv:
    save()
code = subprocess.run([sys.executable, __file__, "save"], capture_output=True).returncode
assert code >= 0, f"saving was ended by {signal.Signals(-code).name}, and not by an error that can be caught"
