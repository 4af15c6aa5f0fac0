"""PyTorch's own format: `torch.save` and `torch.load`, and for models the state dict, as its documentation shows them."""

from __future__ import annotations

import pathlib
from typing import Any

import torch

from ..expectations import costly, unreadable
from .base import Format


def _save(tree: Any, path: pathlib.Path) -> None:
    torch.save(tree, path)


def _load(path: pathlib.Path) -> Any:
    return torch.load(path)


def _save_model(model: Any, path: pathlib.Path) -> None:
    torch.save(model.state_dict(), path)


def _load_model(path: pathlib.Path, model: Any) -> None:
    model.load_state_dict(torch.load(path))


_SAFE = unreadable("torch.save pickles it, and torch.load (weights_only=True) admits a short list of types, not this one")

FORMATS = (
    Format(
        name="torch.save",
        backend="torch",
        save=_save,
        load=_load,
        save_model=_save_model,
        load_model=_load_model,
        expected_failures={
            "container/namedtuple": _SAFE,
            "container/dataclass": _SAFE,
            "container/bytes": _SAFE,
            "container/numpy-scalar": _SAFE,
            "tensor/subclass": _SAFE,
            "alias/file-size-of-view": costly("whole storages are written, however little of one a tensor shows"),
        },
    ),
)
