"""`h5py`: arrays by name as the datasets of an HDF5 file."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, crashed, refused, unreadable, unsafe
from ..base import Format
from ..limits import HEADER_BELIEVED, NO_CHECKSUM, UNNOTICED


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


_OPAQUE = changed("h5py takes ml_dtypes' types for numpy's void, and writes their bytes as opaque ones without a name")
_NO_TYPE = refused("HDF5 has no such type, and h5py does not describe one by others")
_BYTES = changed("text is written as strings of UTF-8, and h5py reads strings as bytes unless asked for text")
_MADE_ARRAY = converted("h5py makes a dataset of everything that numpy makes an array of")
_GROUPS = refused("a slash in a name leads into a group, and an array that stands there is none")
_OPENED = "the file is emptied when it is opened, and written as datasets are made and closed"
_AS_FAR = changed("each dataset is made by itself, and the file is closed with those that were made before the error")

FORMATS = (
    Format(
        name="h5py.group",
        backend="numpy",
        save=_save,
        load=_load,
        accepts="dict",
        suffix=".h5",
        expected_failures={
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
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
            "*/object": changed("an array of objects is written if all of them are text, and h5py reads text as bytes unless asked not to"),
            "dtype/string": _BYTES,
            "tensor/subclass": converted("only the array's elements are written, so it comes back as a plain ndarray"),
            "tensor/metadata": converted("HDF5's types have no place for the metadata of numpy's"),
            "tensor/masked": changed("HDF5 has no masks, and the elements of a masked array are written without a word (h5py/h5py#2537)"),
            "tensor/strides": converted("a dataset is in C order"),
            "container/empty-list": _MADE_ARRAY,
            "container/empty-tuple": _MADE_ARRAY,
            "container/bool": _MADE_ARRAY,
            "container/int": _MADE_ARRAY,
            "container/float": _MADE_ARRAY,
            "container/numpy-scalar": _MADE_ARRAY,
            "container/str": _BYTES,
            "container/bytes": changed("a byte string becomes a string of HDF5 in an array of objects"),
            "container/ordered-dict": converted("the names are read into a plain dict"),
            "keys/order": converted("a group lists its names in alphabetical order unless it was made with track_order=True"),
            "keys/dot": refused("a dot by itself is the group that one is in"),
            "keys/slash": changed("names are paths from the root of the file, so a slash at the beginning or at the end is dropped"),
            "keys/prefix": _GROUPS,
            "keys/dots": _GROUPS,
            "keys/nul": changed("a name is handed over as a C string, which ends at its first NUL", defect=True),
            "keys/empty": refused("HDF5 has no empty names"),
            "alias/same-tensor-twice": converted("each name has its own dataset"),
            "alias/overlapping-views": converted("each name has its own dataset"),
            "alias/file-size-of-alias": costly("each name has its own dataset"),
            "files/failed-save-keeps-old": _AS_FAR,
            "files/disk-full": crashed(
                "when the last write of a file fails, h5py raises, and HDF5 dies as it closes the file once more (h5py/h5py#914)",
                defect=True,
            ),
            "process/two-writers": changed(
                "a file is emptied before its lock is asked for, so the one that is refused has emptied the other's (h5py/h5py#1864)",
                defect=True,
            ),
            "process/reader-beside-writer": unreadable("a file is locked while it is written, and reading it then is an error"),
            "crash/kill": unreadable(_OPENED),
            "crash/exception": _AS_FAR,
            "security/escape": unsafe("a dataset may keep its elements in other files, and is read from whichever it names"),
            "security/overlap": changed("an address that leads to the values of another dataset is believed"),
        },
    ),
)
