"""`safetensors.flax`: arrays by name behind a header of JSON."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, NO_CHECKSUM, UNNOTICED
from .limits import NARROWED, UNMODED, WITHOUT_TYPED_KEYS


def _save_file(arrays: Any, path: pathlib.Path) -> None:
    from safetensors.flax import save_file

    save_file(arrays, path)


def _load_file(path: pathlib.Path) -> Any:
    from safetensors.flax import load_file

    return load_file(path)


_UNKNOWN = refused("the header has no name for this type")
_NOT_NUMPYS = unreadable(
    "the type is written, and looked for in numpy when it is loaded, which does not have it (safetensors/safetensors#682)", defect=True
)
_ARRAY = converted("save_file makes an array of everything that is not one")

FORMATS = (
    Format(
        name="safetensors.flax",
        backend="jax",
        save=_save_file,
        load=_load_file,
        accepts="dict",
        suffix=".safetensors",
        expected_failures={
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            **WITHOUT_TYPED_KEYS,
            "*/int[124]": _UNKNOWN,
            "*/uint[124]": _UNKNOWN,
            "*/float4_e2m1fn": _UNKNOWN,
            "*/float8_e3m4": _UNKNOWN,
            "*/float8_e4m3": _UNKNOWN,
            "*/float8_e4m3b11fnuz": _UNKNOWN,
            "*/complex128": _UNKNOWN,
            "*/string": _UNKNOWN,
            "*/float8_e4m3fn*": _NOT_NUMPYS,
            "*/float8_e5m2*": _NOT_NUMPYS,
            "*/float8_e8m0fnu": _NOT_NUMPYS,
            **dict.fromkeys(map("container/{}".format, ("empty-list", "empty-tuple", "bool", "int", "float", "numpy-scalar")), _ARRAY),
            "container/ordered-dict": converted("names are read into a plain dict"),
            "keys/order": converted("entries are sorted by type, then by name"),
            "keys/api-names": unreadable(
                "an array called __metadata__ is written, and read as the header's own entry of that name (safetensors/safetensors#849)",
                defect=True,
            ),
            "files/no-side-effects": changed("save_file puts arrays of NumPy into the caller's dict in place of those of jax", defect=True),
            "alias/file-size-of-alias": costly("each name has its own entry"),
            "model/mode": UNMODED,
            "mismatch/64-bit-off": NARROWED,
        },
    ),
)
