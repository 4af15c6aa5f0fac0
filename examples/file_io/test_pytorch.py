"""Save and load in PyTorch, step by step: one tensor, a list, a dict, and the parameters of an MLP.

Everything is restored. The other files of this folder have the same four steps in MXNet, TensorFlow and
JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_ckpt import assert_identical, differences

torch = pytest.importorskip("torch")
nn = torch.nn


def test_one_tensor(ckpt_path: Callable[..., Path]) -> None:
    x = torch.arange(4)
    path = ckpt_path("x-file")
    torch.save(x, path)
    assert_identical(torch.load(path), x)


def test_list_of_tensors(ckpt_path: Callable[..., Path]) -> None:
    x, y = torch.arange(4), torch.zeros(4)
    path = ckpt_path("x-files")
    torch.save([x, y], path)
    assert_identical(torch.load(path), [x, y])


def test_dict_of_tensors(ckpt_roundtrip: Callable[..., None]) -> None:
    tensors = {"x": torch.arange(4), "y": torch.zeros(4)}
    ckpt_roundtrip(tensors, save=torch.save, load=torch.load)


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.LazyLinear(256)
        self.output = nn.LazyLinear(10)

    def forward(self, inputs: Any) -> Any:
        return self.output(nn.functional.relu(self.hidden(inputs)))


def test_mlp_parameters(ckpt_path: Callable[..., Path]) -> None:
    net = MLP()
    inputs = torch.randn(size=(2, 20))
    outputs = net(inputs)
    path = ckpt_path("mlp.params")
    torch.save(net.state_dict(), path)

    clone = MLP()
    assert differences(clone(inputs), outputs), "the fresh clone must differ, otherwise the test would pass without loading"
    clone.load_state_dict(torch.load(path))
    clone.eval()
    assert_identical(clone.state_dict(), net.state_dict())
    assert_identical(clone(inputs), outputs)
