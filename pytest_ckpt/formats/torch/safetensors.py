"""Safetensors' own functions for PyTorch: flat dicts of tensors, and models, whose shared tensors are written once."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import Declared, changed, converted, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, NO_CHECKSUM, UNNOTICED
from .limits import CAST, STATE


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
    """Only the tensors that are named are read from the file."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        model.load_state_dict({name: file.get_tensor(name) for name in names}, strict=False)


_NO_SUCH_TYPE = refused("of complex numbers the file knows complex64 alone")
_NO_STRIDES = refused("the file knows no strides, and what is not contiguous is refused and not copied")
_SHARED = refused("tensors that share memory are refused, since their sharing could not be written")
_PLAIN = converted("the file holds a tensor's elements, and nothing else of it")
_PHYSICAL = changed(
    "memory is written as it lies, though the tensor says that it is the negative or the conjugate (safetensors/safetensors#831)",
    defect=True,
)

#: What holds for the file, whatever is in it: it is written beside, and renamed.
_FILE: Declared = {**UNNOTICED, **NO_CHECKSUM}

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
            **HEADER_BELIEVED,
            **STATE,
            "*/complex32": _NO_SUCH_TYPE,
            "*/complex128": _NO_SUCH_TYPE,
            **dict.fromkeys(map("layout/{}".format, ("transposed", "fortran", "sliced", "broadcast", "channels-last")), _NO_STRIDES),
            "layout/conj": _PHYSICAL,
            "layout/neg": _PHYSICAL,
            "container/ordered-dict": converted("the names in the file come back in a plain dict"),
            "keys/order": converted("the writer sorts tensors by the size of their elements, then by name"),
            "keys/api-names": unreadable(
                "a tensor called __metadata__ is written, and read as what the header says of the file (safetensors/safetensors#849)",
                defect=True,
            ),
            "tensor/requires-grad": _PLAIN,
            "tensor/parameter": _PLAIN,
            "tensor/subclass": _PLAIN,
            "tensor/sparse": refused("the file knows dense tensors alone"),
            "tensor/quantized": refused("the file knows no quantized types"),
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
            "model/extra-state": refused("extra state is no tensor, and the file holds tensors alone"),
            "model/lazy": unreadable("the storages of the model are asked which tensors share one, and a lazy layer has none yet"),
        },
    ),
)
