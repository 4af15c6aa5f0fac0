"""`safetensors.numpy`: arrays by name behind a header of JSON."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, NO_CHECKSUM, UNNOTICED


def _save(arrays: Any, path: pathlib.Path) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, path)


def _load(path: pathlib.Path) -> Any:
    from safetensors.numpy import load_file

    return load_file(path)


#: Types of NumPy and ml_dtypes that the file has no name for; float8_e4m3fn is the one that it calls F8_E4M3.
_UNNAMED = (
    *("int[124]", "uint[124]", "float4_e2m1fn", "float6_*", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "longdouble"),
    *("*complex32", "complex128", "clongdouble", "datetime64*", "timedelta64*", "void", "object", "text", "string", "struct*"),
)
_NO_NAME = refused("the file has a fixed list of types, and this one is not on it")
#: Types that are asked of the module numpy, which bfloat16 alone is not.
_NOT_IN_NUMPY = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
_LOOKED_UP = unreadable(
    "the loader looks for the type in the module numpy, which does not have ml_dtypes' (safetensors/safetensors#682)", defect=True
)
_RAW = changed(
    "as many bytes are written as the array has, from its first element on, whatever its strides (safetensors/safetensors#825)",
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
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
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
            "tensor/byte-order": converted("files are little-endian, and big-endian arrays are swapped when they are saved"),
            "tensor/subclass": converted("only the array's elements are written, so it comes back as a plain ndarray"),
            "tensor/metadata": converted("the header has no place for a dtype's metadata"),
            "tensor/masked": changed("the file has dense values and no masks, and those of a masked array are written without a word"),
            "container/ordered-dict": converted("the header's names are read into a plain dict"),
            "keys/order": converted("tensors are sorted by dtype and then by name, so that each is aligned in the file"),
            "keys/api-names": unreadable(
                "a tensor called __metadata__ is written where the reader expects the file's metadata (safetensors/safetensors#849)",
                defect=True,
            ),
            "alias/same-tensor-twice": converted("each name has its own bytes in the file"),
            "alias/overlapping-views": converted("each name has its own bytes in the file"),
            "alias/file-size-of-alias": costly("each name has its own bytes in the file"),
        },
    ),
)
