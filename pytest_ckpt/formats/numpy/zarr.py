"""`zarr`: arrays by name in a group, which is a folder."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, crashed, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED


def _save(arrays: Any, path: pathlib.Path) -> None:
    import zarr

    group = zarr.open_group(path, mode="w")
    for name, array in arrays.items():
        group.create_array(name, data=array)


def _load(path: pathlib.Path) -> Any:
    import zarr

    members = zarr.open_group(path, mode="r").members(max_depth=None)
    return {name: array[...] for name, array in members if isinstance(array, zarr.Array)}


#: Types of NumPy and ml_dtypes that zarr has no data type for.
_UNKNOWN = (
    *("int[124]", "uint[124]", "float[46]_*", "float8_*", "bfloat16", "longdouble", "*complex32", "clongdouble"),
    "object",
)
_NO_TYPE = refused("zarr has no data type for it")
_NEGATIVE_ZERO = changed(
    "a chunk that equals the fill value is not written, and zeros of either sign are equal there for complex numbers, which the "
    "repair for others leaves out (zarr-developers/zarr-python#3144)",
    defect=True,
)
_DELETED = "the old group is deleted first, and then each array is written by itself"
_IN_PARTS = changed(f"{_DELETED}; nothing says which arrays and chunks there were, and what is missing is not missed")
_UNSAID = changed(
    "nothing says which arrays and chunks there were, so a missing array is not missed, and a missing chunk is the fill value"
)
_NEVER_SYNCED = changed("nothing is synced, and a missing chunk is the fill value")
_UNCHECKED = changed("chunks are compressed without a checksum, so what can be inflated is taken for the values")
_SUBARRAY = refused(
    "the default fill value of the data type cannot be made for a field that is an array (zarr-developers/zarr-python#3583)", defect=True
)

FORMATS = (
    Format(
        name="zarr.group",
        backend="numpy",
        save=_save,
        load=_load,
        accepts="dict",
        suffix=".zarr",
        expected_failures={
            **HEADER_BELIEVED,
            **dict.fromkeys(map("*/{}".format, _UNKNOWN), _NO_TYPE),
            "bits/complex64": _NEGATIVE_ZERO,
            "bits/complex128": _NEGATIVE_ZERO,
            "dtype/struct-aligned": changed("a structure is described by its fields in order, without the gaps between them"),
            "*/struct-subarray": _SUBARRAY,
            "tensor/class": converted("arrays without dimensions are read as scalars of numpy"),
            "tensor/subclass": converted("only the array's elements are written, so it comes back as a plain ndarray"),
            "tensor/metadata": converted("zarr's data types have no place for the metadata of numpy's"),
            "tensor/masked": refused("masked arrays are not known to zarr (zarr-developers/zarr-python#3744)"),
            "tensor/strides": converted("what is read is in C order"),
            "tensor/byte-order": converted("what is read is in the machine's own byte order; that of the file is up to the codec"),
            "container/ordered-dict": converted("the names are read into a plain dict"),
            "keys/order": converted(
                "arrays are opened all at once, and listed in the order in which they happen to be ready, which may be that of the dict",
                flaky=True,
            ),
            "keys/dot": refused("names are paths, and a dot by itself is refused"),
            "keys/dots": refused("names are paths, and two dots are refused"),
            "keys/slash": changed("names are paths, so a slash at the beginning or at the end is dropped"),
            "keys/prefix": refused("a slash in a name leads into a group, and an array that stands there is none"),
            "keys/nul": refused("a name is that of a folder, which has no NUL in it"),
            "keys/empty": refused("the empty name is that of the group itself"),
            "keys/long": refused("a name is that of a folder, which is no longer than 255 bytes"),
            "alias/same-tensor-twice": converted("each name has its own folder"),
            "alias/overlapping-views": converted("each name has its own folder"),
            "alias/file-size-of-alias": costly("each name has its own folder"),
            "files/failed-save-keeps-old": changed(f"{_DELETED}; the group keeps those that were written before the error"),
            "files/disk-full": changed(f"{_DELETED}; the group keeps those that were written before the error"),
            "files/read-only-dir": unreadable("the old group is deleted first, before it is known whether another one can be written"),
            "process/reader-beside-writer": _IN_PARTS,
            "crash/kill": _IN_PARTS,
            "crash/exception": _IN_PARTS,
            "crash/new-path": _IN_PARTS,
            "crash/power-loss": _IN_PARTS,
            "crash/durable": _NEVER_SYNCED,
            "corruption/bit-flip-payload": _UNCHECKED,
            "corruption/zero-block": _UNCHECKED,
            "corruption/swapped-blocks": _UNCHECKED,
            "corruption/mixed-parts": _UNSAID,
            "corruption/missing-part": _UNSAID,
            "security/bomb": crashed("any size may be claimed without any chunk, since what is missing is the fill value"),
            "security/overlap": changed("a shape that is not that of the chunks is believed, since what is missing is the fill value"),
        },
    ),
)
