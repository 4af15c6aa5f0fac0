"""What formats of TensorFlow's and Keras' world share."""

from __future__ import annotations

from ...expectations import changed, converted, crashed

UNTRAINED = converted("only values are written, and not which of them are trained")

#: Of files of HDF5.
HDF5_DIES = crashed("HDF5 ends the process when a file is closed to which it could not write (h5py/h5py#914)", defect=True)
HDF5_LOCKS_LATE = changed(
    "HDF5 empties a file before it asks for its lock, so a writer that is refused harms what another one writes (h5py/h5py#1864)",
    defect=True,
)
HDF5_OVERLAP = changed("an address that leads to the values of another tensor is believed")
