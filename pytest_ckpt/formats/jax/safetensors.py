"""`safetensors.flax`: a dict of arrays in one file with a JSON header."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, refused, unreadable
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, NO_CHECKSUM
from .shared_failures import CAST_TO_32_BITS, NO_MODE, WITHOUT_TYPED_KEYS


def _save_file(arrays: Any, path: pathlib.Path) -> None:
    from safetensors.flax import save_file

    save_file(arrays, path)


def _load_file(path: pathlib.Path) -> Any:
    from safetensors.flax import load_file

    return load_file(path)


_UNKNOWN = refused("the file format has a fixed list of dtypes, and this one is not in it")
_NOT_NUMPYS = unreadable(
    "the dtype is written, but the loader looks it up in the module numpy, which does not have it (safetensors/safetensors#682)",
    defect=True,
)
_ARRAY = converted("save_file converts every value to an array")

FORMATS = (
    Format(
        name="safetensors.flax",
        backend="jax",
        save=_save_file,
        load=_load_file,
        accepts="dict",
        suffix=".safetensors",
        expected_failures={
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
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
            "container/ordered-dict": converted("the arrays are loaded into a plain dict"),
            "keys/order": converted("save sorts arrays by dtype, then by name"),
            "keys/api-names": unreadable(
                "an array named __metadata__ is written under the header key that load reserves for the metadata of the file "
                "(safetensors/safetensors#849)",
                defect=True,
            ),
            "files/no-side-effects": changed("save_file replaces the JAX arrays in the dict of the caller by NumPy arrays", defect=True),
            "alias/file-size-of-alias": costly("each name gets a separate entry"),
            "model/mode": NO_MODE,
            "mismatch/64-bit-off": CAST_TO_32_BITS,
        },
    ),
)
