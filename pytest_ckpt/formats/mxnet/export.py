"""`export` of Gluon models as graphs."""

from __future__ import annotations

import pathlib
from typing import Any

import mxnet as mx

from ...expectations import changed, converted, unreadable
from ..base import Format
from .shared_failures import FILE


def _export(model: Any, path: pathlib.Path) -> None:
    """Export the graph that a hybrid model computed in its last call."""
    if (example := getattr(model, "example", None)) is not None:  # an imported graph has no example and needs no call
        model.hybridize()
        model(example)
    model.export(str(path))


def _import(path: pathlib.Path) -> Any:
    return mx.gluon.SymbolBlock.imports(f"{path}-symbol.json", ["data"], f"{path}-0000.params")


_NAMED_ONCE = changed("the graph contains each parameter once, under one of its names; its other names are lost")

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
                "a graph that was imported and not run since is silently exported with an empty parameter file", defect=True
            ),
            "model/*": converted("load returns a graph, which has no blocks and whose arrays are mx.nd arrays"),
            **dict.fromkeys(map("model/{}".format, ("tied", "shared-module", "rnn", "lstm", "gru")), _NAMED_ONCE),
        },
    ),
)
