"""`torch.save` and `torch.load` of trees, and of the state dicts of models, as the PyTorch documentation shows."""

from __future__ import annotations

import pathlib
from typing import Any

import torch

from ...expectations import Declared, costly, unreadable
from ..base import Format
from ..shared_failures import PICKLE
from .shared_failures import ARCHIVE, CAST, STATE


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


def _load_unrestricted(path: pathlib.Path) -> Any:
    return torch.load(path, weights_only=False)


def _load_model_unrestricted(path: pathlib.Path, model: Any) -> None:
    model.load_state_dict(_load_unrestricted(path))


def _load_partial_unrestricted(path: pathlib.Path, model: Any, names: list[str]) -> None:
    state = _load_unrestricted(path)
    model.load_state_dict({name: state[name] for name in names}, strict=False)


_SAFE = unreadable("torch.save pickles the object, and torch.load (weights_only=True) allows only a short list of types, without this one")

#: With both ways to load the archive.
_SAVED: Declared = {
    **ARCHIVE,
    **STATE,
    **CAST,
    "alias/file-size-of-view": costly("the whole storage of a tensor is written, even if the tensor is a small part of it"),
}

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
            **_SAVED,
            "container/namedtuple": _SAFE,
            "container/dataclass": _SAFE,
            "container/bytes": unreadable(
                "empty bytes are pickled as a call of bytes(), which torch.load (weights_only=True) does not allow; "
                "the fix for other bytes (pytorch/pytorch#133163) does not cover empty ones",
                defect=True,
            ),
            "container/numpy-scalar": _SAFE,
            "tensor/subclass": _SAFE,
        },
    ),
    Format(
        name="torch.save-unrestricted",
        backend="torch",
        save=_save,
        load=_load_unrestricted,
        save_model=_save_model,
        load_model=_load_model_unrestricted,
        load_partial=_load_partial_unrestricted,
        expected_failures={**_SAVED, **PICKLE},
    ),
)
