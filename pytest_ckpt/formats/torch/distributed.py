"""`torch.distributed.checkpoint` in one process: a state dict in a folder, loaded into an existing state dict."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, costly, refused, unreadable
from ..base import Format
from ..shared_failures import HEADER_UNCHECKED, IN_PLACE, INTERRUPTIBLE, PICKLE
from .shared_failures import STATE, UNCHECKED


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
    """Load the named tensors only. The checkpoint is read for the keys of the template."""
    state = model.state_dict()
    model.load_state_dict(_load(path, {name: state[name] for name in names}), strict=False)


_NO_STATE_DICT = refused("save accepts a state dict only, which is a dict")
#: Cases of `container` that save something other than a dict.
_NO_DICTS = ("list", "tuple", "nested", "empty-list", "empty-tuple", "namedtuple", "dataclass")
_NUMBERED = changed(
    "keys are converted to text, and load stores non-tensors under the text key, next to the int key (pytorch/pytorch#153842)", defect=True
)

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
            **HEADER_UNCHECKED,
            **PICKLE,
            **STATE,
            "files/deterministic": costly("the metadata contain the path of the checkpoint and a random id for each save"),
            "process/two-writers": changed("both writers write in place, and the metadata do not record which data they belong to"),
            "crash/exception": INTERRUPTIBLE["crash/exception"],
            "crash/power-loss": changed("the data are written in place, and the old metadata also fit the new data"),
            "crash/durable": unreadable(
                "files are synced before Python flushes its buffers (pytorch/pytorch#183878), so the end of each file is not on disk",
                defect=True,
            ),
            **dict.fromkeys(map("container/{}".format, _NO_DICTS), _NO_STATE_DICT),
            "keys/prefix": refused("paths of keys are joined with dots, and save raises if two paths become the same"),
            "keys/int": unreadable(
                "the keys of a state dict are text; int keys are written, and load fails when it sorts them together with text"
            ),
            "tensor/subclass": unreadable("the tensor is pickled, and torch.load (weights_only=True) does not allow its class"),
            "tensor/sparse": refused("the writer needs the storage of a tensor, and a sparse tensor has none"),
            "alias/file-size-of-alias": costly("each name is written separately"),
            "model/lazy": unreadable("load compares the sizes with those of the template, and a lazy layer has no sizes yet"),
            "mismatch/extra": changed("load reads the keys of the template and does not check for further keys in the checkpoint"),
            "mismatch/wrong-dtype": changed(
                "values are copied into the template and cast; load compares sizes but not dtypes (pytorch/pytorch#187138)",
                defect=True,
            ),
            "training/lbfgs": unreadable("a list in the template must be as long as the saved one, and the history of L-BFGS grows"),
            "training/schedule": _NUMBERED,
            "training/groups": _NUMBERED,
        },
    ),
)
