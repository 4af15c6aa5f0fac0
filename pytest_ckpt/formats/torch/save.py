"""PyTorch's own format: `torch.save` and `torch.load`, and for models the state dict, as its documentation shows them."""

from __future__ import annotations

import pathlib
from typing import Any

import torch

from ...expectations import changed, converted, costly, unreadable
from ..base import Format
from .limits import ARCHIVE


def _save(tree: Any, path: pathlib.Path) -> None:
    torch.save(tree, path)


def _load(path: pathlib.Path) -> Any:
    return torch.load(path)


def _save_model(model: Any, path: pathlib.Path) -> None:
    torch.save(model.state_dict(), path)


def _load_model(path: pathlib.Path, model: Any) -> None:
    model.load_state_dict(torch.load(path))


def _load_partial(path: pathlib.Path, model: Any, names: list[str]) -> None:
    state = torch.load(path)
    model.load_state_dict({name: state[name] for name in names}, strict=False)


_SAFE = unreadable("torch.save pickles it, and torch.load (weights_only=True) admits a short list of types, not this one")

FORMATS = (
    Format(
        name="torch.save",
        backend="torch",
        save=_save,
        load=_load,
        save_model=_save_model,
        load_model=_load_model,
        load_partial=_load_partial,
        expected_failures={
            **ARCHIVE,
            "model/frozen": converted("a state dict holds values, and not which of them are trained"),
            "model/mode": converted("a state dict holds values, and not the mode that the model was left in"),
            "mismatch/wrong-dtype": changed("load_state_dict copies into the tensors that are there, and copying casts"),
            "container/namedtuple": _SAFE,
            "container/dataclass": _SAFE,
            "container/bytes": _SAFE,
            "container/numpy-scalar": _SAFE,
            "tensor/subclass": _SAFE,
            "alias/file-size-of-view": costly("whole storages are written, however little of one a tensor shows"),
        },
    ),
)
