"""What `.npy` files lose of a NumPy array."""

from __future__ import annotations

from ...expectations import Declared, converted, unreadable
from ..shared_failures import NPY_DESCRIPTOR, NPY_EXTENSION

_NO_DESCRIPTOR = unreadable(
    "for 32-bit complex dtypes of ml_dtypes, numpy writes a descriptor into the header that it cannot parse", defect=True
)
PICKLED = unreadable("the array is pickled, and np.load raises an error for pickles unless allow_pickle=True")
_PLAIN_ARRAY = converted("only the elements are written, so a subclass is loaded as a plain ndarray")

#: For one array, both in a `.npy` file and as a member of an archive.
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
    "tensor/metadata": converted("the header cannot store the metadata of a dtype; numpy warns and drops it"),
    "tensor/strides": converted(
        "the header can only express C order and Fortran order, so an array in any other order is loaded in C order"
    ),
}
