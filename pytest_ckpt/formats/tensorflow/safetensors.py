"""`safetensors.tensorflow`: tensors by name, in a safetensors file."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, NO_CHECKSUM, UNNOTICED
from .limits import UNTRAINED


def _save(tensors: Any, path: pathlib.Path) -> None:
    from safetensors.tensorflow import save_file

    save_file(tensors, path)


def _load(path: pathlib.Path) -> Any:
    from safetensors.tensorflow import load_file

    return load_file(path)


_NO_TYPE = refused("the file has no such type")
_FLOAT8 = unreadable("the loader looks for the type in NumPy, which does not have it (safetensors/safetensors#682)", defect=True)
_INTEGERS = changed("to numpy a quantized tensor is an array of plain integers")
_SCALAR = refused(
    "the numpy() of a tensor without dimensions is a scalar of NumPy, and what is written has to be an array",
    when="safetensors>=0.8",
    defect=True,
)
_ALTERED = "the dict that was given is filled with arrays of NumPy (safetensors/safetensors#480)"
_SAVED_AGAIN = refused(f"{_ALTERED}, so it cannot be saved a second time", defect=True)

FORMATS = (
    Format(
        name="safetensors.tensorflow",
        backend="tensorflow",
        save=_save,
        load=_load,
        accepts="dict",
        suffix=".safetensors",
        expected_failures={
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
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
            "tensor/parameter": converted("the value of a variable is saved, and a tensor comes back"),
            "tensor/sparse": refused("the file has dense arrays alone"),
            "container/ordered-dict": converted("the header is a table of names, and comes back as a plain dict"),
            "keys/order": converted("the file is sorted by type and name"),
            "keys/api-names": unreadable(
                "a tensor called __metadata__ is written, and read as what the header says of the file (safetensors/safetensors#849)",
                defect=True,
            ),
            "alias/file-size-of-alias": costly("each name has its own values in the file"),
            "model/frozen": UNTRAINED,
        },
    ),
)
