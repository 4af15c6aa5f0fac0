"""What `.npy` files do not keep of an array of NumPy, whether it is alone in a file or a member of an archive."""

from __future__ import annotations

from ...expectations import Declared, converted, unreadable
from ..limits import NPY_DESCRIPTOR, NPY_EXTENSION

_NO_DESCRIPTOR = unreadable("ml_dtypes gives complex numbers of 32 bits a descriptor that numpy writes and cannot parse", defect=True)
PICKLED = unreadable("the array is pickled, and np.load does not unpickle unless it is told to")
_PLAIN_ARRAY = converted("only the array's elements are written, so it comes back as a plain ndarray")

#: What holds for one array, whether it is alone in a file or a member of an archive.
ARRAYS: Declared = {
    "dtype/int[124]": NPY_EXTENSION,
    "dtype/uint[124]": NPY_EXTENSION,
    "dtype/float[46]_*": NPY_EXTENSION,
    "dtype/float8_*": NPY_EXTENSION,
    "dtype/bfloat16": NPY_EXTENSION,
    "dtype/float8_e5m2": NPY_DESCRIPTOR,
    "bits/float8_e5m2": NPY_DESCRIPTOR,
    "nan-payload/float8_e5m2": NPY_DESCRIPTOR,
    "*/*complex32": _NO_DESCRIPTOR,
    "*/string": PICKLED,
    "*/object": PICKLED,
    "tensor/subclass": _PLAIN_ARRAY,
    "tensor/metadata": converted("the header has no place for a dtype's metadata; numpy warns, and leaves it out"),
    "tensor/strides": converted("the header knows C and Fortran order and no other, so other dense arrays come back in C order"),
}
