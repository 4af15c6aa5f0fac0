"""`safetensors.numpy`: a dict of arrays in one file with a JSON header."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, refused, unreadable
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, NO_CHECKSUM


def _save(arrays: Any, path: pathlib.Path) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, path)


def _load(path: pathlib.Path) -> Any:
    from safetensors.numpy import load_file

    return load_file(path)


#: Dtypes of NumPy and ml_dtypes that the file cannot name. Its F8_E4M3 is float8_e4m3fn.
_UNNAMED = (
    *("int[124]", "uint[124]", "float4_e2m1fn", "float6_*", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "longdouble"),
    *("*complex32", "complex128", "clongdouble", "datetime64*", "timedelta64*", "void", "object", "text", "string", "struct*"),
)
_NO_NAME = refused("the file format has a fixed list of dtypes, and this one is not in it")
#: Dtypes that the loader looks up in the module numpy, as it does for all but bfloat16.
_NOT_IN_NUMPY = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
_LOOKED_UP = unreadable(
    "the loader looks the dtype up in the module numpy, which does not have the dtypes of ml_dtypes (safetensors/safetensors#682)",
    defect=True,
)
_RAW = changed(
    "save writes the memory of the array from its first element on and ignores the strides (safetensors/safetensors#825)",
    when="safetensors>=0.8",
    defect=True,
)

FORMATS = (
    Format(
        name="safetensors.numpy",
        backend="numpy",
        save=_save,
        load=_load,
        accepts="dict",
        suffix=".safetensors",
        expected_failures={
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            **dict.fromkeys(map("*/{}".format, _UNNAMED), _NO_NAME),
            "dtype/bytes": _NO_NAME,
            "bits/bytes": _NO_NAME,
            **dict.fromkeys(map("*/{}".format, _NOT_IN_NUMPY), _LOOKED_UP),
            "layout/transposed": _RAW,
            "layout/fortran": _RAW,
            "layout/sliced": _RAW,
            "layout/negative-stride": _RAW,
            "layout/broadcast": _RAW,
            "layout/channels-last": _RAW,
            "tensor/strides": _RAW,
            "tensor/byte-order": converted("files are little-endian, so save swaps the bytes of big-endian arrays"),
            "tensor/subclass": converted("only the elements are written, so a subclass is loaded as a plain ndarray"),
            "tensor/metadata": converted("the header cannot store the metadata of a dtype"),
            "tensor/masked": changed("the file format has no masks, and save silently writes only the data of a masked array"),
            "container/ordered-dict": converted("the arrays are loaded into a plain dict"),
            "keys/order": converted("tensors are sorted by dtype and then by name, so that each one is aligned in the file"),
            "keys/api-names": unreadable(
                "a tensor named __metadata__ is written under the header key that the loader reserves for the metadata of the file "
                "(safetensors/safetensors#849)",
                defect=True,
            ),
            "alias/same-tensor-twice": converted("each name gets separate bytes in the file"),
            "alias/overlapping-views": converted("each name gets separate bytes in the file"),
            "alias/file-size-of-alias": costly("each name gets separate bytes in the file"),
        },
    ),
)
