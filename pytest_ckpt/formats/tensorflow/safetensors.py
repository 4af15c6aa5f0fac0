"""`safetensors.tensorflow`: a dict of tensors in one file with a JSON header."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, refused, unreadable
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, NO_CHECKSUM
from .shared_failures import NO_TRAINABLE_FLAG


def _save(tensors: Any, path: pathlib.Path) -> None:
    from safetensors.tensorflow import save_file

    save_file(tensors, path)


def _load(path: pathlib.Path) -> Any:
    from safetensors.tensorflow import load_file

    return load_file(path)


_NO_TYPE = refused("the file format has no such dtype")
_FLOAT8 = unreadable("the loader looks the dtype up in the module numpy, which does not have it (safetensors/safetensors#682)", defect=True)
_INTEGERS = changed("numpy sees a quantized tensor as an array of plain integers")
_SCALAR = refused(
    "for a tensor without dimensions, numpy() returns a NumPy scalar, and the writer requires an array",
    when="safetensors>=0.8",
    defect=True,
)
_ALTERED = "save replaces the tensors in the dict of the caller by NumPy arrays (safetensors/safetensors#480)"
_SAVED_AGAIN = refused(f"{_ALTERED}, so the dict cannot be saved a second time", defect=True)

FORMATS = (
    Format(
        name="safetensors.tensorflow",
        backend="tensorflow",
        save=_save,
        load=_load,
        accepts="dict",
        suffix=".safetensors",
        expected_failures={
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            "files/no-side-effects": changed(_ALTERED, defect=True),
            "process/memory": _SAVED_AGAIN,
            "process/leaks": _SAVED_AGAIN,
            "*/int[24]": _NO_TYPE,
            "*/uint[24]": _NO_TYPE,
            "*/float4_*": _NO_TYPE,
            "*/complex128": _NO_TYPE,
            "*/string": _NO_TYPE,
            "*/float8_*": _FLOAT8,
            "dtype/float8_e4m3b11fnuz": _NO_TYPE,
            "bits/float8_e4m3b11fnuz": _NO_TYPE,
            "dtype/qint*": _INTEGERS,
            "dtype/quint*": _INTEGERS,
            "shape/scalar": _SCALAR,
            "tensor/class": _SCALAR,
            "tensor/parameter": converted("the value of a variable is saved, and load returns a tensor"),
            "tensor/sparse": refused("the file format supports dense arrays only"),
            "container/ordered-dict": converted("the tensors are loaded into a plain dict"),
            "keys/order": converted("save sorts tensors by dtype, then by name"),
            "keys/api-names": unreadable(
                "a tensor named __metadata__ is written under the header key that load reserves for the metadata of the file "
                "(safetensors/safetensors#849)",
                defect=True,
            ),
            "alias/file-size-of-alias": costly("each name gets separate values in the file"),
            "model/frozen": NO_TRAINABLE_FLAG,
        },
    ),
)
