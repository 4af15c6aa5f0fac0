"""Save and load in TensorFlow, step by step: one tensor, a list, a dict, and the parameters of an MLP.

`np.save` converts tensors to NumPy arrays, and a list or a dict to one array. The parameters are
restored. The other files of this folder have the same four steps in MXNet, PyTorch and JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, Verdict, assert_identical, check_format, differences

tf = pytest.importorskip("tensorflow")

NUMPY_SAVE = Format(
    name="np.save",
    backend="tensorflow",
    save=lambda tree, path: np.save(path, tree),
    load=lambda path: np.load(path, allow_pickle=True),
    suffix=".npy",
    accepts="tensor",
)


def test_one_tensor(ckpt_path: Callable[..., Path]) -> None:
    x = tf.range(4)
    path = ckpt_path("x-file.npy")
    np.save(path, x)
    loaded = np.load(path, allow_pickle=True)
    assert [(each.path, each.aspect) for each in differences(loaded, x)] == [("", "kind")]
    assert_identical(tf.constant(loaded), x)
    assert [result.verdict for result in check_format(NUMPY_SAVE, select="tensor/class")] == [Verdict.CONVERTED]


def test_list_of_tensors(ckpt_path: Callable[..., Path]) -> None:
    x, y = tf.range(4), tf.zeros(4)
    path = ckpt_path("xy-files.npy")
    np.save(path, [x, y])
    loaded = np.load(path, allow_pickle=True)
    assert [(each.path, each.aspect) for each in differences(loaded, [x, y])] == [("", "container")]
    x2, y2 = loaded
    assert [(each.path, each.aspect) for each in differences([x2, y2], [x, y])] == [
        ("[0]", "kind"),
        ("[0]", "dtype"),
        ("[1]", "kind"),
        ("[1]", "dtype"),
    ]
    assert_identical(loaded, np.array([[0, 1, 2, 3], [0, 0, 0, 0]], dtype="float64"))
    assert [result.verdict for result in check_format(NUMPY_SAVE, select="container/list")] == [Verdict.CHANGED]


def test_dict_of_tensors(ckpt_path: Callable[..., Path]) -> None:
    tensors = {"x": tf.range(4), "y": tf.zeros(4)}
    path = ckpt_path("mydict.npy")
    np.save(path, tensors)
    loaded = np.load(path, allow_pickle=True)
    assert [(each.path, each.aspect) for each in differences(loaded, tensors)] == [("", "container")]
    assert_identical(loaded.item(), tensors)
    assert [result.verdict for result in check_format(NUMPY_SAVE, select="container/dict")] == [Verdict.CHANGED]


class MLP(tf.keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.flatten = tf.keras.layers.Flatten()
        self.hidden = tf.keras.layers.Dense(units=256, activation=tf.nn.relu)
        self.out = tf.keras.layers.Dense(units=10)

    def call(self, inputs: Any) -> Any:
        return self.out(self.hidden(self.flatten(inputs)))


def test_mlp_parameters(ckpt_path: Callable[..., Path]) -> None:
    net = MLP()
    inputs = tf.random.uniform((2, 20))
    outputs = net(inputs)
    with pytest.raises(ValueError, match=r"must end in `\.weights\.h5`"):
        net.save_weights(ckpt_path("mlp.params"))
    path = ckpt_path("mlp.weights.h5")
    net.save_weights(path)

    clone = MLP()
    with pytest.raises(ValueError, match="has not yet been built"):
        clone.load_weights(path)
    assert differences(clone(inputs), outputs), "the fresh clone must differ, otherwise the test would pass without loading"
    clone.load_weights(path)
    assert_identical(clone.get_weights(), net.get_weights())
    assert_identical(clone(inputs), outputs)
