"""`torch.distributed.checkpoint` in a single process: a state dict is written to a folder, and read into one that is there."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, costly, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, PICKLE
from .limits import STATE, UNCHECKED


def _save(state: Any, path: pathlib.Path) -> None:
    import torch.distributed.checkpoint as dcp

    dcp.save(state, checkpoint_id=path)


def _load(path: pathlib.Path, template: Any) -> Any:
    import torch.distributed.checkpoint as dcp

    dcp.load(template, checkpoint_id=path)
    return template


def _save_model(model: Any, path: pathlib.Path) -> None:
    _save(model.state_dict(), path)


def _load_model(path: pathlib.Path, model: Any) -> None:
    model.load_state_dict(_load(path, model.state_dict()))


def _load_partial(path: pathlib.Path, model: Any, names: list[str]) -> None:
    """Only what the template names is read from the checkpoint."""
    state = model.state_dict()
    model.load_state_dict(_load(path, {name: state[name] for name in names}), strict=False)


_NO_STATE_DICT = refused("what is saved has to be a state dict, and a state dict is a dict")
#: Cases of `container` that are asked of what is no dict.
_NO_DICTS = ("list", "tuple", "nested", "empty-list", "empty-tuple", "namedtuple", "dataclass")
_NUMBERED = changed("keys become text, and what is no tensor is set under that, beside the int key (pytorch/pytorch#153842)", defect=True)

FORMATS = (
    Format(
        name="torch.distributed-checkpoint",
        backend="torch",
        save=_save,
        load=_load,
        template=True,
        save_model=_save_model,
        load_model=_load_model,
        load_partial=_load_partial,
        expected_failures={
            **IN_PLACE,
            **UNCHECKED,
            **HEADER_BELIEVED,
            **PICKLE,
            **STATE,
            "files/deterministic": costly("the metadata hold the path of the checkpoint, and an id that is drawn for each save"),
            "process/two-writers": changed("both write in place, and nothing says which data the metadata belong to"),
            "crash/exception": INTERRUPTIBLE["crash/exception"],
            "crash/power-loss": changed("the data are written in place, and the old metadata fit the new data as well"),
            "crash/durable": unreadable(
                "files are synced before Python has flushed them (pytorch/pytorch#183878), so the end of each is not on disk",
                defect=True,
            ),
            **dict.fromkeys(map("container/{}".format, _NO_DICTS), _NO_STATE_DICT),
            "keys/prefix": refused("paths are joined by dots, and two that become one are refused"),
            "keys/int": unreadable(
                "a state dict has text for keys; others are written, and are sorted beside text when loading, which fails"
            ),
            "tensor/subclass": unreadable("it is pickled, and torch.load (weights_only=True) does not admit its class"),
            "tensor/sparse": refused("the writer asks a tensor for its storage, and a sparse one has none"),
            "alias/file-size-of-alias": costly("each name is written by itself"),
            "model/lazy": unreadable("sizes are compared with those of the template, and a lazy layer has none yet"),
            "mismatch/extra": changed("what the template names is read, and whether the checkpoint has more is not asked"),
            "mismatch/wrong-dtype": changed(
                "what is read is copied into the template, and cast; sizes are compared, types are not (pytorch/pytorch#187138)",
                defect=True,
            ),
            "training/lbfgs": unreadable("a list in the template has to be as long as the one that was saved, and a history grows"),
            "training/schedule": _NUMBERED,
            "training/groups": _NUMBERED,
        },
    ),
)
