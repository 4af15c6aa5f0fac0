"""`zarr`: a dict of arrays as a group, which is a folder."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, crashed, refused, unreadable
from ..base import Format
from ..shared_failures import HEADER_UNCHECKED


def _save(arrays: Any, path: pathlib.Path) -> None:
    import zarr

    group = zarr.open_group(path, mode="w")
    for name, array in arrays.items():
        group.create_array(name, data=array)


def _load(path: pathlib.Path) -> Any:
    import zarr

    members = zarr.open_group(path, mode="r").members(max_depth=None)
    return {name: array[...] for name, array in members if isinstance(array, zarr.Array)}


#: Dtypes of NumPy and ml_dtypes for which zarr has no data type.
_UNKNOWN = (
    *("int[124]", "uint[124]", "float[46]_*", "float8_*", "bfloat16", "longdouble", "*complex32", "clongdouble"),
    "object",
)
_NO_TYPE = refused("zarr has no data type for this dtype")
_NEGATIVE_ZERO = changed(
    "a chunk that equals the fill value is not written, and for complex numbers 0.0 and -0.0 count as equal there; the fix for other "
    "numbers does not cover complex ones (zarr-developers/zarr-python#3144)",
    defect=True,
)
_DELETED = "the old group is deleted first, and then the arrays are written one after the other"
_IN_PARTS = changed(f"{_DELETED}; the group does not record which arrays and chunks it must have, so load does not detect missing ones")
_UNSAID = changed(
    "the group does not record which arrays and chunks it must have, so load omits a missing array and replaces a missing chunk by the "
    "fill value"
)
_NEVER_SYNCED = changed("nothing is synced to disk, and load replaces a missing chunk by the fill value")
_UNCHECKED = changed("chunks are compressed without a checksum, so load accepts any chunk that can be decompressed")
_SUBARRAY = refused(
    "zarr cannot create the default fill value of a structured type with an array as a field (zarr-developers/zarr-python#3583)",
    defect=True,
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
            **HEADER_UNCHECKED,
            **dict.fromkeys(map("*/{}".format, _UNKNOWN), _NO_TYPE),
            "bits/complex64": _NEGATIVE_ZERO,
            "bits/complex128": _NEGATIVE_ZERO,
            "dtype/struct-aligned": changed("the metadata list the fields of a structured type in order, without the gaps between them"),
            "*/struct-subarray": _SUBARRAY,
            "tensor/class": converted("arrays without dimensions are loaded as NumPy scalars"),
            "tensor/subclass": converted("only the elements are written, so a subclass is loaded as a plain ndarray"),
            "tensor/metadata": converted("zarr data types cannot store the metadata of a NumPy dtype"),
            "tensor/masked": refused("zarr does not support masked arrays (zarr-developers/zarr-python#3744)"),
            "tensor/strides": converted("arrays are always loaded in C order"),
            "tensor/byte-order": converted(
                "arrays are always loaded in the byte order of the machine; the codec decides the byte order of the file"
            ),
            "container/ordered-dict": converted("the arrays are loaded into a plain dict"),
            "keys/order": converted(
                "arrays are opened concurrently and listed in the order in which they become ready, which may be the order of the dict",
                flaky=True,
            ),
            "keys/dot": refused("names are paths, and zarr does not allow the path '.'"),
            "keys/dots": refused("names are paths, and zarr does not allow the path '..'"),
            "keys/slash": changed("names are paths, so a slash at the start or the end is dropped"),
            "keys/prefix": refused("a slash in a name means a group, and a group and an array cannot have the same name"),
            "keys/nul": refused("a name becomes the name of a folder, which cannot contain NUL"),
            "keys/empty": refused("the empty name means the group itself"),
            "keys/long": refused("a name becomes the name of a folder, which can have at most 255 bytes"),
            "alias/same-tensor-twice": converted("each name gets a separate folder"),
            "alias/overlapping-views": converted("each name gets a separate folder"),
            "alias/file-size-of-alias": costly("each name gets a separate folder"),
            "files/failed-save-keeps-old": changed(f"{_DELETED}; the group is left with those that were written before the error"),
            "files/disk-full": changed(f"{_DELETED}; the group is left with those that were written before the error"),
            "files/read-only-dir": unreadable("the old group is deleted before zarr knows that it can write a new one"),
            "process/two-writers": changed(
                "a group is written array by array without a lock, so two writers may mix their arrays", flaky=True
            ),
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
            "security/bomb": crashed("load replaces missing chunks by the fill value, so a file may claim any size without any chunk"),
            "security/overlap": changed(
                "load replaces missing chunks by the fill value, so it accepts a shape that does not fit the chunks"
            ),
        },
    ),
)
