"""`safetensors.torch`: flat dicts of tensors, and models, whose shared tensors are written once."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import Declared, changed, converted, refused, unreadable
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, NO_CHECKSUM
from .shared_failures import CAST, STATE


def _save_file(tensors: Any, path: pathlib.Path) -> None:
    from safetensors.torch import save_file

    save_file(tensors, path)


def _load_file(path: pathlib.Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


def _save_model(model: Any, path: pathlib.Path) -> None:
    from safetensors.torch import save_model

    save_model(model, path)


def _load_model(path: pathlib.Path, model: Any) -> None:
    from safetensors.torch import load_model

    load_model(model, path)


def _load_partial(path: pathlib.Path, model: Any, names: list[str]) -> None:
    """Load the named tensors only."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        model.load_state_dict({name: file.get_tensor(name) for name in names}, strict=False)


_NO_SUCH_TYPE = refused("complex64 is the only complex dtype of the file format")
_NO_STRIDES = refused("the file format has no strides, and save rejects a tensor that is not contiguous instead of copying it")
_SHARED = refused("the file format cannot express sharing, so save rejects tensors that share memory")
_PLAIN = converted("the file contains only the elements of a tensor")
_PHYSICAL = changed(
    "save writes the memory unchanged and ignores the negative or conjugate bit of the tensor (safetensors/safetensors#831)",
    defect=True,
)

#: Every safetensors file. It is written under a temporary name and renamed.
_FILE: Declared = {**GAPS_UNDETECTED, **NO_CHECKSUM}

FORMATS = (
    Format(
        name="safetensors.torch",
        backend="torch",
        save=_save_file,
        load=_load_file,
        accepts="dict",
        suffix=".safetensors",
        expected_failures={
            **_FILE,
            **HEADER_UNCHECKED,
            **STATE,
            "*/complex32": _NO_SUCH_TYPE,
            "*/complex128": _NO_SUCH_TYPE,
            **dict.fromkeys(map("layout/{}".format, ("transposed", "fortran", "sliced", "broadcast", "channels-last")), _NO_STRIDES),
            "layout/conj": _PHYSICAL,
            "layout/neg": _PHYSICAL,
            "container/ordered-dict": converted("the tensors are loaded into a plain dict"),
            "keys/order": converted("save sorts tensors by the size of their elements, then by name"),
            "keys/api-names": unreadable(
                "a tensor named __metadata__ is written under the header key that load reserves for the metadata of the file "
                "(safetensors/safetensors#849)",
                defect=True,
            ),
            "tensor/requires-grad": _PLAIN,
            "tensor/parameter": _PLAIN,
            "tensor/subclass": _PLAIN,
            "tensor/sparse": refused("the file format supports dense tensors only"),
            "tensor/quantized": refused("the file format has no quantized dtypes"),
            "tensor/strides": _NO_STRIDES,
            "tensor/memory-format": _NO_STRIDES,
            "alias/same-tensor-twice": _SHARED,
            "alias/overlapping-views": _SHARED,
            "alias/file-size-of-alias": _SHARED,
            "model/tied": _SHARED,
            "model/shared-module": _SHARED,
        },
    ),
    Format(
        name="safetensors.torch-model",
        backend="torch",
        save_model=_save_model,
        load_model=_load_model,
        load_partial=_load_partial,
        suffix=".safetensors",
        expected_failures={
            **_FILE,
            **STATE,
            **CAST,
            "model/extra-state": refused("extra state is not a tensor, and the file format supports tensors only"),
            "model/lazy": unreadable(
                "load compares the storages of the tensors in the model to find shared ones, and a lazy layer has no storage yet"
            ),
        },
    ),
)
