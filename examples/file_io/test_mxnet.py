"""Save and load in MXNet, step by step: one tensor, a list, a dict, and the parameters of an MLP.

A single tensor is loaded as a list of one tensor. Everything else is restored. The other files of this
folder have the same four steps in PyTorch, TensorFlow and JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_ckpt import Format, Verdict, assert_identical, check_format, differences

mx = pytest.importorskip("mxnet")
np, npx, nn = mx.np, mx.npx, mx.gluon.nn

NPX_SAVE = Format(
    name="npx.save",
    backend="mxnet",
    save=lambda tree, path: npx.save(str(path), tree),
    load=lambda path: npx.load(str(path)),
    accepts="tensor",
)


@pytest.fixture(autouse=True)
def numpy_semantics() -> Iterator[None]:
    """Turn on the modes of ``npx.set_np()``, for one test only."""
    with mx.util.np_shape(True), mx.util.np_array(True):
        yield


def test_one_tensor(ckpt_path: Callable[..., Path]) -> None:
    x = np.arange(4)
    path = str(ckpt_path("x-file"))
    npx.save(path, x)
    loaded = npx.load(path)
    assert [(each.path, each.aspect) for each in differences(loaded, x)] == [("", "kind")]
    assert [result.verdict for result in check_format(NPX_SAVE, select="tensor/class")] == [Verdict.CHANGED]
    assert_identical(loaded, [x])


def test_list_of_tensors(ckpt_path: Callable[..., Path]) -> None:
    x, y = np.arange(4), np.zeros(4)
    path = str(ckpt_path("x-files"))
    npx.save(path, [x, y])
    assert_identical(npx.load(path), [x, y])


def test_dict_of_tensors(ckpt_roundtrip: Callable[..., None]) -> None:
    tensors = {"x": np.arange(4), "y": np.zeros(4)}
    ckpt_roundtrip(tensors, save=lambda tree, path: npx.save(str(path), tree), load=lambda path: npx.load(str(path)))


class MLP(nn.Block):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hidden = nn.Dense(256, activation="relu")
        self.output = nn.Dense(10)

    def forward(self, inputs: Any) -> Any:
        return self.output(self.hidden(inputs))


def parameters(model: Any) -> list[Any]:
    return [parameter.data() for parameter in model.collect_params().values()]


def test_mlp_parameters(ckpt_path: Callable[..., Path]) -> None:
    net = MLP()
    net.initialize()
    inputs = np.random.uniform(size=(2, 20))
    outputs = net(inputs)
    path = str(ckpt_path("mlp.params"))
    net.save_parameters(path)

    clone = MLP()
    clone.initialize()
    assert differences(clone(inputs), outputs), "the fresh clone must differ, otherwise the test would pass without loading"
    clone.load_parameters(path)
    assert_identical(parameters(clone), parameters(net))
    assert_identical(clone(inputs), outputs)
