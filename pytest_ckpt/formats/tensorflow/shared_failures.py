"""Expected failures that formats of TensorFlow and Keras share."""

from __future__ import annotations

from ...expectations import changed, converted, crashed

NO_TRAINABLE_FLAG = converted("the file contains values, but not which of them are trainable")

#: HDF5 files.
HDF5_ENDS_PROCESS = crashed("HDF5 ends the process when it closes a file after a failed write (h5py/h5py#914)", defect=True)
HDF5_LOCKS_LATE = changed(
    "HDF5 truncates a file before it locks it, so a writer that cannot get the lock damages the file of the other writer (h5py/h5py#1864)",
    defect=True,
)
HDF5_OVERLAP = changed("load accepts an address that points to the values of another tensor")
