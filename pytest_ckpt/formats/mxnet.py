"""MXNet's own formats: `npx.save` of its NumPy arrays, `nd.save` of its older ones, and `save_parameters` of Gluon models."""

from __future__ import annotations

import pathlib
from typing import Any

import mxnet as mx

from ..expectations import Declared, changed, converted, costly, refused, unreadable
from .base import Format
from .limits import HEADER_BELIEVED, IN_PLACE, NO_CHECKSUM, UNNOTICED


def _save(tree: Any, path: pathlib.Path) -> None:
    mx.npx.save(str(path), tree)


def _load(path: pathlib.Path) -> Any:
    return mx.npx.load(str(path))


def _legacy(tree: Any) -> Any:
    """The same arrays as `mx.nd` arrays, which is all that `nd.save` takes."""
    if isinstance(tree, dict):
        return {key: _legacy(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_legacy(value) for value in tree]
    return tree.as_nd_ndarray() if isinstance(tree, mx.np.ndarray) else tree


def _save_legacy(tree: Any, path: pathlib.Path) -> None:
    mx.nd.save(str(path), _legacy(tree))


def _load_legacy(path: pathlib.Path) -> Any:
    return mx.nd.load(str(path))


def _save_parameters(model: Any, path: pathlib.Path) -> None:
    model.save_parameters(str(path))


def _load_parameters(path: pathlib.Path, model: Any) -> None:
    model.load_parameters(str(path))


def _load_some(path: pathlib.Path, model: Any, names: list[str]) -> None:
    """The parameters that are named, out of a file that has more."""
    file, parameters = mx.npx.load(str(path)), model._collect_params_with_prefix()
    for name in names:
        parameters[name].set_data(file[name])


def _save_run(run: Any, path: pathlib.Path) -> None:
    run.model.save_parameters(str(path))
    run.optimizer.save_states(f"{path}.states")
    path.with_name(f"{path.name}.step").write_text(str(run.step))


def _load_run(path: pathlib.Path, run: Any) -> None:
    run.model.load_parameters(str(path))
    run.optimizer.load_states(f"{path}.states")
    run.step = int(path.with_name(f"{path.name}.step").read_text())


def _export(model: Any, path: pathlib.Path) -> None:
    """The graph is what a hybrid model has computed when it was last called."""
    if (example := getattr(model, "example", None)) is not None:  # a graph that was imported has been computed already
        model.hybridize()
        model(example)
    model.export(str(path))


def _import(path: pathlib.Path) -> Any:
    return mx.gluon.SymbolBlock.imports(f"{path}-symbol.json", ["data"], f"{path}-0000.params")


_BY_NAME: Declared = {
    "container/empty-dict": converted("a file without names is read as a list"),
    "container/ordered-dict": converted("names are read into a plain dict"),
    "keys/nul": changed("names are written as C strings, which end at a NUL", defect=True),
    "tensor/requires-grad": converted("the file holds values, not that gradients are recorded"),
    "alias/same-tensor-twice": converted("each name has its own entry"),
    "alias/overlapping-views": converted("each name has its own entry"),
    "alias/file-size-of-alias": costly("each name has its own entry"),
}

#: What holds for every file that MXNet writes.
_FILE: Declared = {
    **IN_PLACE,
    **UNNOTICED,
    **NO_CHECKSUM,
    "process/two-writers": changed("both write in place, and nothing in the file tells that it is of two"),
}

_NAMED_ONCE = changed("the graph has each parameter once, under one of its names, and the others are gone")

FORMATS = (
    Format(
        name="mxnet.npx-save",
        backend="mxnet",
        save=_save,
        load=_load,
        accepts="dict",
        expected_failures={
            **_BY_NAME,
            **_FILE,
            **HEADER_BELIEVED,
            "tensor/sparse": refused("npx.save takes mx.np arrays, which are never sparse"),
            "model/frozen": converted("the file holds values, and not which of them are trained"),
        },
    ),
    Format(
        name="mxnet.nd-save",
        backend="mxnet",
        save=_save_legacy,
        load=_load_legacy,
        accepts="dict",
        expected_failures={
            **_BY_NAME,
            **_FILE,
            **HEADER_BELIEVED,
            "tensor/kind": converted("nd.load gives arrays of mx.nd"),
            "tensor/sparse": refused("under np semantics, which scalars and empty arrays need, sparse arrays are not written"),
            "model/*": unreadable("a Gluon model under np semantics does not take arrays of mx.nd"),
        },
    ),
    Format(
        name="mxnet.parameters",
        backend="mxnet",
        save_model=_save_parameters,
        load_model=_load_parameters,
        load_partial=_load_some,
        save_training=_save_run,
        load_training=_load_run,
        suffix=".params",
        expected_failures={
            **_FILE,
            "model/frozen": converted("the file holds values, and not which of them are trained"),
            "training/rng": changed("neither file holds the states of the random generators"),
            "training/accumulated": changed("neither the file of parameters nor that of states holds gradients"),
        },
    ),
    Format(
        name="mxnet.export",
        backend="mxnet",
        save_model=_export,
        load_model=_import,
        whole_model=True,
        expected_failures={
            **_FILE,
            "process/second-generation": unreadable("a graph that was imported is exported without its parameters", defect=True),
            "model/*": converted("a graph comes back, which has no blocks, and whose arrays are of mx.nd"),
            **dict.fromkeys(map("model/{}".format, ("tied", "shared-module", "rnn", "lstm", "gru")), _NAMED_ONCE),
        },
    ),
)
