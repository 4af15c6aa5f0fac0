"""`export` of Gluon models as a graph."""

from __future__ import annotations

import pathlib
from typing import Any

import mxnet as mx

from ...expectations import changed, converted, unreadable
from ..base import Format
from .limits import FILE


def _export(model: Any, path: pathlib.Path) -> None:
    """The graph is what a hybrid model has computed when it was last called."""
    if (example := getattr(model, "example", None)) is not None:  # a graph that was imported has been computed already
        model.hybridize()
        model(example)
    model.export(str(path))


def _import(path: pathlib.Path) -> Any:
    return mx.gluon.SymbolBlock.imports(f"{path}-symbol.json", ["data"], f"{path}-0000.params")


_NAMED_ONCE = changed("the graph has each parameter once, under one of its names, and the others are gone")

FORMATS = (
    Format(
        name="mxnet.export",
        backend="mxnet",
        save_model=_export,
        load_model=_import,
        whole_model=True,
        expected_failures={
            **FILE,
            "process/resave": unreadable(
                "a graph that was imported, and not run since, is exported with a file of no parameters, and nothing is said", defect=True
            ),
            "model/*": converted("a graph comes back, which has no blocks, and whose arrays are of mx.nd"),
            **dict.fromkeys(map("model/{}".format, ("tied", "shared-module", "rnn", "lstm", "gru")), _NAMED_ONCE),
        },
    ),
)
