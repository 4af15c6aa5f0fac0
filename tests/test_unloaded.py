"""A loader that loads nothing, or not everything, is named as the cause."""

from __future__ import annotations

import pathlib
import pickle
import re
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, Result, assert_roundtrip, check_format

from .conftest import BACKENDS

NOTHING = "nothing was loaded: all values are those from before load"
NOT_LOADED = "not loaded: the value is the one from before load"


def _save(tree: Any, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps(tree))


def _load(path: pathlib.Path, *_: Any) -> Any:
    return pickle.loads(path.read_bytes())


def _run(select: str, **fields: Any) -> Result:
    (result,) = check_format(Format(name="mine", **fields), select=select, examples=0)
    return result


def _load_all_but_one(path: pathlib.Path, template: Any) -> Any:
    loaded = _load(path)
    return {**loaded, min(template): template[min(template)]} if len(template) > 1 else loaded


@pytest.mark.parametrize(("load", "cause"), [
    (lambda path, template: template, NOTHING), (_load_all_but_one, f"{NOT_LOADED} (in ['"), (_load, ""),
], ids=["nothing", "all-but-one", "everything"])  # fmt: skip
def test_names_leaves_of_template_that_were_not_loaded(load: Any, cause: str) -> None:
    result = _run("keys/case", backend="numpy", accepts="dict", template=True, save=_save, load=load)
    assert result.passed is not bool(cause)
    assert result.detail.startswith(cause)


def test_other_wrong_values_are_not_those_from_before() -> None:
    result = _run("shape/plain", backend="numpy", accepts="tensor", template=True, save=_save, load=lambda path, template: _load(path) - 1)
    assert result.verdict == "CHANGED"
    assert "before load" not in result.detail


def test_roundtrip_of_tree_names_what_was_not_loaded() -> None:
    tree = {"a": np.arange(1.0, 4.0), "b": np.arange(4.0, 9.0)}
    with pytest.raises(AssertionError, match=f"^{NOTHING}\n"):
        assert_roundtrip(tree, save=_save, load=lambda path, template: template, template=True)
    with pytest.raises(AssertionError, match=re.escape(f"{NOT_LOADED} (in ['b'])")):
        assert_roundtrip(tree, save=_save, load=lambda path, template: {**_load(path), "b": template["b"]}, template=True)
    assert_roundtrip(tree, save=_save, load=_load, template=True)


if "torch" in BACKENDS:

    def test_roundtrip_of_model_names_what_was_not_loaded() -> None:
        import torch

        options: dict[str, Any] = {"make": lambda: torch.nn.Linear(2, 3), "inputs": torch.ones(2), "save": _save_model}
        with pytest.raises(AssertionError, match=f"^{NOTHING}\n"):
            assert_roundtrip(torch.nn.Linear(2, 3), load=_load_none, **options)
        assert_roundtrip(torch.nn.Linear(2, 3), load=_load_model, **options)

    def _save_model(model: Any, path: pathlib.Path) -> None:
        _save(model.state_dict(), path)

    def _load_none(path: pathlib.Path, model: Any) -> None:
        state = {f"module.{name}": value for name, value in _load(path).items()}
        model.load_state_dict(state, strict=False)

    def _load_weights(path: pathlib.Path, model: Any) -> None:
        model.load_state_dict({name: value for name, value in _load(path).items() if "weight" in name}, strict=False)

    def _load_model(path: pathlib.Path, model: Any) -> None:
        model.load_state_dict(_load(path))

    @pytest.mark.parametrize(
        ("load", "cause"),
        [(_load_none, NOTHING), (_load_weights, f"{NOT_LOADED} (in ['layer0.bias'])"), (_load_model, "")],
        ids=["nothing", "weights", "everything"],
    )
    def test_names_tensors_of_model_that_were_not_loaded(load: Any, cause: str) -> None:
        result = _run("model/dense", backend="torch", save_model=_save_model, load_model=load)
        assert (result.passed, result.detail.split("\n")[0]) == (not cause, cause)

    def _save_run(run: Any, path: pathlib.Path) -> None:
        _save(run.state(), path)

    def _restore_some(path: pathlib.Path, run: Any) -> None:
        run.restore({**_load(path), "optimizer": run.state()["optimizer"]})

    def _restore(path: pathlib.Path, run: Any) -> None:
        run.restore(_load(path))

    @pytest.mark.parametrize(
        ("load", "cause", "parts"),
        [
            (lambda path, run: None, NOTHING, ["model: 4 of 8", "optimizer: 16 of 28", "step: values: expected 2, got 1"]),
            (_restore_some, f"{NOT_LOADED} (in 16 entries)", ["optimizer: 16 of 28"]),
            (_restore, "", []),
        ],
        ids=["nothing", "all-but-optimizer", "everything"],
    )
    def test_names_parts_of_run_that_were_not_loaded(load: Any, cause: str, parts: list[str]) -> None:
        result = _run("training/adam", backend="torch", save_training=_save_run, load_training=load)
        assert (result.passed, result.detail.split("\n")[0]) == (not cause, cause)
        assert all(f"    {part}" in result.detail for part in parts)
