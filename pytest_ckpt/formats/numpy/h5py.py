"""`h5py`: a dict of arrays as the datasets of one HDF5 file."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, crashed, refused, unreadable, unsafe
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, NO_CHECKSUM


def _save(arrays: Any, path: pathlib.Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def _load(path: pathlib.Path) -> Any:
    import h5py

    arrays = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[...]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return arrays


_OPAQUE = changed("h5py treats the dtypes of ml_dtypes as void, and writes their bytes as an opaque type without a name")
_NO_TYPE = refused("HDF5 has no such type, and h5py does not map it to another one")
_BYTES = changed("text is written as UTF-8 strings, and h5py reads strings as bytes unless the caller requests text")
_MADE_ARRAY = converted("h5py converts the value to an array and writes it as a dataset")
_GROUPS = refused("a slash in a name means a group, and a group and a dataset cannot have the same name")
_OPENED = "the file is truncated when it is opened, and written while datasets are created and the file is closed"
_AS_FAR = changed("datasets are created one after the other, and an error closes the file with those that were created before it")

FORMATS = (
    Format(
        name="h5py.group",
        backend="numpy",
        save=_save,
        load=_load,
        accepts="dict",
        suffix=".h5",
        expected_failures={
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            "dtype/int[124]": _OPAQUE,
            "dtype/uint[124]": _OPAQUE,
            "dtype/float[46]_*": _OPAQUE,
            "dtype/float8_*": _OPAQUE,
            "dtype/bfloat16": _OPAQUE,
            "dtype/float8_e5m2": _NO_TYPE,
            "bits/float8_e5m2": _NO_TYPE,
            "nan-payload/float8_e5m2": _NO_TYPE,
            "*/*complex32": _NO_TYPE,
            "*/datetime64*": _NO_TYPE,
            "*/timedelta64*": _NO_TYPE,
            "*/text": _NO_TYPE,
            "*/object": changed(
                "an object array is written if all objects are text, and h5py reads text as bytes unless the caller requests text"
            ),
            "dtype/string": _BYTES,
            "tensor/subclass": converted("only the elements are written, so a subclass is loaded as a plain ndarray"),
            "tensor/metadata": converted("HDF5 types cannot store the metadata of a NumPy dtype"),
            "tensor/masked": changed("HDF5 has no masks, and h5py silently writes only the data of a masked array (h5py/h5py#2537)"),
            "tensor/strides": converted("datasets are always in C order"),
            "container/empty-list": _MADE_ARRAY,
            "container/empty-tuple": _MADE_ARRAY,
            "container/bool": _MADE_ARRAY,
            "container/int": _MADE_ARRAY,
            "container/float": _MADE_ARRAY,
            "container/numpy-scalar": _MADE_ARRAY,
            "container/str": _BYTES,
            "container/bytes": changed("a byte string is written as an HDF5 string and loaded as an object array"),
            "container/ordered-dict": converted("the arrays are loaded into a plain dict"),
            "keys/order": converted("a group lists its names in alphabetical order unless it was created with track_order=True"),
            "keys/dot": refused("the name '.' means the group itself"),
            "keys/slash": changed("names are paths in the file, so a slash at the start or the end is dropped"),
            "keys/prefix": _GROUPS,
            "keys/dots": _GROUPS,
            "keys/nul": changed("h5py passes a name to HDF5 as a C string, which ends at the first NUL", defect=True),
            "keys/empty": refused("HDF5 does not allow an empty name"),
            "alias/same-tensor-twice": converted("each name gets a separate dataset"),
            "alias/overlapping-views": converted("each name gets a separate dataset"),
            "alias/file-size-of-alias": costly("each name gets a separate dataset"),
            "files/failed-save-keeps-old": _AS_FAR,
            "files/disk-full": crashed(
                "when the last write to a file fails, h5py raises an error, and then HDF5 ends the process when it closes the file "
                "again (h5py/h5py#914)",
                defect=True,
            ),
            "process/two-writers": changed(
                "a file is truncated before it is locked, so a writer that cannot get the lock has already truncated the file of the "
                "other writer (h5py/h5py#1864)",
                defect=True,
            ),
            "process/reader-beside-writer": unreadable("a file is locked during a write, and reading it then is an error"),
            "crash/kill": unreadable(_OPENED),
            "crash/exception": _AS_FAR,
            "security/escape": unsafe("a dataset may store its elements in other files, and load reads any file that it names"),
            "security/overlap": changed("load accepts an address that points to the values of another dataset"),
        },
    ),
)
