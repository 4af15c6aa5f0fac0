"""Models that torch.jit compiles: the networks of the checks can be compiled, and ScriptModules can be inspected."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from pytest_ckpt import Format, assert_roundtrip, check_format
from pytest_ckpt.backends import get_backend, get_models
from pytest_ckpt.checks.model import smallest_model
from pytest_ckpt.compare.models import model_differences
from pytest_ckpt.compare.trees import differences
from pytest_ckpt.specs import LAYERS
from pytest_ckpt.verdicts import Verdict

from .conftest import BACKENDS

pytestmark = pytest.mark.skipif("torch" not in BACKENDS, reason="needs torch")

#: TorchScript does not support parametrizations.
NOT_COMPILED = ("weight-norm", "spectral-norm")
COMPILED = [kind for kind, row in LAYERS.items() if "torch" in row.backends and kind not in NOT_COMPILED]


def _script(model: Any, path: pathlib.Path) -> None:
    import torch

    torch.jit.script(model).save(str(path))


def _load(path: pathlib.Path) -> Any:
    import torch

    return torch.jit.load(str(path))


@pytest.mark.parametrize("kind", COMPILED)
def test_torchscript_compiles_every_layer(kind: str, tmp_path: pathlib.Path) -> None:
    models, spec = get_models("torch"), smallest_model(kind)
    assert models is not None
    model, inputs = models.build(spec), get_backend("torch").build(spec.input_spec())
    _script(model, tmp_path / "model.pt")
    loaded = _load(tmp_path / "model.pt")
    assert {each.aspect for each in model_differences(loaded, model, models, architecture=True)} <= {"kind", "keys"}
    assert differences(models.run(loaded, inputs), models.run(model, inputs), ["flags"]) == []
    assert model_differences(loaded, _load(tmp_path / "model.pt"), models) == []


def test_script_modules_with_buffers_round_trip() -> None:
    import torch

    def make() -> Any:
        inner = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
        inner[1].bias.requires_grad_(False)
        return torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 3), inner))

    def forgetful(path: pathlib.Path) -> Any:
        model = _load(path)
        dict(model.named_buffers())["1.0.running_mean"].add_(1)
        return model

    def trainable(path: pathlib.Path) -> Any:
        model = _load(path)
        for parameter in model.parameters():
            parameter.requires_grad = True
        return model

    def save(model: Any, path: pathlib.Path) -> None:
        model.save(str(path))

    inputs = torch.rand(4, 3)
    assert_roundtrip(make(), save=save, load=_load, inputs=inputs)
    with pytest.raises(AssertionError, match=r"1\.0\.running_mean"):
        assert_roundtrip(make(), save=save, load=forgetful, inputs=inputs)
    with pytest.raises(AssertionError, match=r"1\.1\.bias.*requires-grad"):
        assert_roundtrip(make(), save=save, load=trainable, inputs=inputs)


def test_scripted_format_only_changes_the_class() -> None:
    format = Format(name="script", backend="torch", save_model=_script, load_model=_load, whole_model=True, suffix=".pt")
    select = ["model/dense", "model/batch-norm", "model/list", "model/buffers", "model/values"]
    for result in check_format(format, select=select, examples=2):
        assert result.verdict is Verdict.CONVERTED, result
        assert "RecursiveScriptModule" in result.detail
        assert "settings" not in result.detail
