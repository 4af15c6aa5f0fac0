"""When the last write of a file fails, HDF5 ends the process as the file is closed once more, and with it whoever saves a model.

Shows: keras.weights-h5 files/disk-full
Shows: keras.h5 files/disk-full
Upstream: h5py/h5py#914
"""

import resource
import signal
import subprocess
import sys


def save(name: str) -> None:
    """Saves as on a disk that has room for 4 KiB."""
    import keras

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(256)])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    model.save_weights(name) if name.endswith(".weights.h5") else model.save(name)


if len(sys.argv) > 1:
    save(sys.argv[1])
names = ["checkpoint.weights.h5", "checkpoint.h5"]
codes = [subprocess.run([sys.executable, __file__, name], capture_output=True).returncode for name in names]
assert all(code >= 0 for code in codes), (
    f"saving was ended by the signals {[-code for code in codes]}, and not by errors that can be caught"
)
