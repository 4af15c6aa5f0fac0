"""Programs that `torch.export` makes of models, in `.pt2` files."""

from __future__ import annotations

import pathlib
from typing import Any

import torch

from ...expectations import changed, converted, crashed, refused, unsafe
from ..base import Format
from ..limits import INTERRUPTIBLE
from .limits import WRITTEN


def _save(model: Any, path: pathlib.Path) -> None:
    """A program is what a model computes when it is called with an example."""
    program = torch.export.export(model, (model.example,))
    torch.export.save(program, path)


def _load(path: pathlib.Path) -> Any:
    """The program as a module, with the example that stands in the file, so that it can be exported again."""
    program = torch.export.load(path)
    model = program.module()
    (model.example,), _ = program.example_inputs
    return model


#: Layers that compute otherwise in training, and models with such a layer.
_DEPEND_ON_MODE = ("dropout", "batch-norm", "instance-norm", "transformer", "spectral-norm", "nested", "mode")
_OF_ONE_MODE = changed("a graph is of the mode that the model was in when it was exported, and computes as in training ever after")
_UNTIED = converted("each name gets a parameter of its own over the memory that was shared", defect=True)

FORMATS = (
    Format(
        name="torch.export",
        backend="torch",
        save_model=_save,
        load_model=_load,
        whole_model=True,
        suffix=".pt2",
        expected_failures={
            **WRITTEN,
            "files/disk-full": crashed(
                "the archive is finished by a destructor, and what that raises ends the process; "
                "a repair was proposed (pytorch/pytorch#175248)",
                defect=True,
            ),
            "process/threads": refused(
                "modes of tracing are kept for the process, so two threads trace into each other", defect=True, flaky=True
            ),
            "crash/exception": INTERRUPTIBLE["crash/exception"],
            "security/code": unsafe("example inputs that the safe unpickler refuses are given to the one that admits everything"),
            "model/*": converted("a graph comes back, whose modules have neither classes nor settings, and one mode alone"),
            **dict.fromkeys(map("model/{}".format, _DEPEND_ON_MODE), _OF_ONE_MODE),
            "model/extra-state": changed("extra state becomes a constant of the graph, and is no state any more"),
            "model/tied": _UNTIED,
            "model/shared-module": _UNTIED,
        },
    ),
)
