"""`torch.save` of whole modules, which pickles them."""

from __future__ import annotations

import pathlib
from typing import Any

import torch

from ...expectations import refused
from ..base import Format
from ..shared_failures import PICKLE
from .shared_failures import ARCHIVE


def _save(tree: Any, path: pathlib.Path) -> None:
    torch.save(tree, path)


def _load_module(path: pathlib.Path) -> Any:
    return torch.load(path, weights_only=False)


_PARAMETRIZED = refused("a module with parametrized weights cannot be pickled; torch tells the user to save its state dict")

FORMATS = (
    Format(
        name="torch.module",
        backend="torch",
        save_model=_save,
        load_model=_load_module,
        whole_model=True,
        expected_failures={
            **ARCHIVE,
            **PICKLE,
            "model/weight-norm": _PARAMETRIZED,
            "model/spectral-norm": _PARAMETRIZED,
        },
    ),
)
