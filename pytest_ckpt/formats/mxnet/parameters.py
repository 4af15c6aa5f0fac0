"""`save_parameters` of Gluon models, and three files for a training run."""

from __future__ import annotations

import pathlib
from typing import Any

import mxnet as mx

from ...expectations import changed, converted
from ..base import Format
from .shared_failures import FILE


def _save_parameters(model: Any, path: pathlib.Path) -> None:
    model.save_parameters(str(path))


def _load_parameters(path: pathlib.Path, model: Any) -> None:
    model.load_parameters(str(path))


def _load_some(path: pathlib.Path, model: Any, names: list[str]) -> None:
    """Load the named parameters from a file that has more."""
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


FORMATS = (
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
            **FILE,
            "model/frozen": converted("the file contains values, but not which of them are trainable"),
            "training/rng": changed("no file contains the states of the random generators"),
            "training/accumulated": changed("neither the parameter file nor the optimizer file contains gradients"),
        },
    ),
)
