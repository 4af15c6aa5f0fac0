"""`torch.export`: models exported as programs, in `.pt2` files."""

from __future__ import annotations

import pathlib
from typing import Any

import torch

from ...expectations import changed, converted, crashed, refused, unsafe
from ..base import Format
from ..shared_failures import INTERRUPTIBLE
from .shared_failures import WRITTEN


def _save(model: Any, path: pathlib.Path) -> None:
    """Save the program that the model runs for its example input."""
    program = torch.export.export(model, (model.example,))
    torch.export.save(program, path)


def _load(path: pathlib.Path) -> Any:
    """Return the program as a module, with the example input from the file, so that it can be exported again."""
    program = torch.export.load(path)
    model = program.module()
    (model.example,), _ = program.example_inputs
    return model


#: Layers that compute something else in training, and models with such a layer.
_DEPEND_ON_MODE = ("dropout", "batch-norm", "instance-norm", "transformer", "spectral-norm", "nested", "mode")
_OF_ONE_MODE = changed("the graph has the mode in which the model was exported, so it always computes as in training")
_UNTIED = converted("each name gets a separate parameter over the shared memory", defect=True)

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
                "a destructor completes the archive, and an error in it ends the process; a fix was proposed (pytorch/pytorch#175248)",
                defect=True,
            ),
            "process/threads": refused(
                "tracing modes are global to the process, so two threads disturb the tracing of each other", defect=True, flaky=True
            ),
            "crash/exception": INTERRUPTIBLE["crash/exception"],
            "security/code": unsafe("if the safe unpickler rejects the example inputs, load uses the unrestricted one"),
            "model/*": converted("load returns a graph, whose modules have no classes and no settings, and which has one mode only"),
            **dict.fromkeys(map("model/{}".format, _DEPEND_ON_MODE), _OF_ONE_MODE),
            "model/extra-state": changed("extra state becomes a constant of the graph and is no longer part of the state"),
            "model/tied": _UNTIED,
            "model/shared-module": _UNTIED,
        },
    ),
)
