"""PyTorch's own format: `torch.save` and `torch.load`, and for models the state dict, as its documentation shows them."""

from __future__ import annotations

import pathlib
from typing import Any

import torch

from ..expectations import Declared, changed, converted, costly, refused, unreadable
from .base import Format
from .limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, PICKLE, UNNOTICED


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


def _load_module(path: pathlib.Path) -> Any:
    return torch.load(path, weights_only=False)


_SAFE = unreadable("torch.save pickles it, and torch.load (weights_only=True) admits a short list of types, not this one")

_PARAMETRIZED = refused("a module with parametrized weights cannot be pickled; torch asks for its state dict")

#: What holds for the archive, whatever is in it. Its checksums are written, and not looked at (pytorch/pytorch#28858).
_ARCHIVE: Declared = {
    **IN_PLACE,
    **INTERRUPTIBLE,
    **UNNOTICED,
    **NO_CHECKSUM,
    **HEADER_BELIEVED,
    "files/path-dots": refused("a name that begins with a dot is an invalid file name to the writer of the archive", defect=True),
    "process/two-writers": changed("both write in place, and the checksums of the archive are not looked at", defect=True),
    "security/overlap": changed("an entry of the directory that leads to the storage of another tensor is believed", defect=True),
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
            **_ARCHIVE,
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
    Format(
        name="torch.module",
        backend="torch",
        save_model=_save,
        load_model=_load_module,
        whole_model=True,
        expected_failures={
            **_ARCHIVE,
            **PICKLE,
            "model/weight-norm": _PARAMETRIZED,
            "model/spectral-norm": _PARAMETRIZED,
        },
    ),
)
