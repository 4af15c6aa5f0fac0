"""Save and load in JAX and Flax, step by step: one tensor, a list, a dict, and the parameters of an MLP.

A single tensor is restored. `jnp.save` converts a list or a dict to one array, and Flax sorts the keys
of the parameters. The other files of this folder have the same four steps in MXNet, PyTorch and
TensorFlow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_ckpt import Format, Verdict, assert_identical, check_format, differences

jax = pytest.importorskip("jax")
flax = pytest.importorskip("flax")
checkpoints = pytest.importorskip("flax.training.checkpoints")
jnp, nn = jax.numpy, flax.linen

JNP_SAVE = Format(
    name="jnp.save",
    backend="jax",
    save=lambda tree, path: jnp.save(path, tree),
    load=lambda path: jnp.load(path, allow_pickle=True),
    suffix=".npy",
    accepts="tensor",
)

FLAX_CHECKPOINTS = Format(
    name="flax.training.checkpoints",
    backend="jax",
    save=lambda tree, path: checkpoints.save_checkpoint(path, tree, step=1, overwrite=True),
    load=lambda path: checkpoints.restore_checkpoint(path, target=None),
)


def test_one_tensor(ckpt_path: Callable[..., Path]) -> None:
    x = jnp.arange(4)
    path = ckpt_path("x-file.npy")
    jnp.save(path, x)
    assert_identical(jnp.load(path, allow_pickle=True), x)


def test_list_of_tensors(ckpt_path: Callable[..., Path]) -> None:
    x, y = jnp.arange(4), jnp.zeros(4)
    path = ckpt_path("xy-files.npy")
    jnp.save(path, [x, y])
    loaded = jnp.load(path, allow_pickle=True)
    assert [(each.path, each.aspect) for each in differences(loaded, [x, y])] == [("", "container")]
    x2, y2 = loaded
    assert [(each.path, each.aspect) for each in differences([x2, y2], [x, y])] == [("[0]", "dtype")]
    assert_identical(loaded, jnp.array([[0, 1, 2, 3], [0, 0, 0, 0]], dtype="float32"))
    assert [result.verdict for result in check_format(JNP_SAVE, select="container/list")] == [Verdict.CHANGED]


def test_dict_of_tensors(ckpt_path: Callable[..., Path]) -> None:
    tensors = {"x": jnp.arange(4), "y": jnp.zeros(4)}
    path = ckpt_path("mydict.npy")
    jnp.save(path, tensors)
    loaded = jnp.load(path, allow_pickle=True)
    assert [(each.path, each.aspect) for each in differences(loaded, tensors)] == [("", "container")]
    assert_identical(loaded.item(), tensors)
    assert [result.verdict for result in check_format(JNP_SAVE, select="container/dict")] == [Verdict.CHANGED]


class MLP(nn.Module):
    def setup(self) -> None:
        self.hidden = nn.Dense(256)
        self.output = nn.Dense(10)

    def __call__(self, inputs: Any) -> Any:
        return self.output(nn.relu(self.hidden(inputs)))


def test_mlp_parameters(ckpt_path: Callable[..., Path]) -> None:
    net = MLP()
    inputs = jax.random.normal(jax.random.PRNGKey(0), (2, 20))
    outputs, params = net.init_with_output(jax.random.PRNGKey(1), inputs)
    with contextlib.chdir(ckpt_path().parent), pytest.raises(ValueError, match="path should be absolute"):
        checkpoints.save_checkpoint("ckpt_dir", params, step=1, overwrite=True)
    path = ckpt_path("ckpt_dir")
    checkpoints.save_checkpoint(path, params, step=1, overwrite=True)

    clone = MLP()
    fresh = clone.init(jax.random.PRNGKey(2), inputs)
    assert differences(clone.apply(fresh, inputs), outputs), "the fresh clone must differ, otherwise the test would pass without loading"
    loaded = checkpoints.restore_checkpoint(path, target=None)
    assert [(each.path, each.aspect) for each in differences(loaded, params)] == [
        ("['params']['hidden']", "order"),
        ("['params']['output']", "order"),
    ]
    assert [result.verdict for result in check_format(FLAX_CHECKPOINTS, select="keys/order")] == [Verdict.CONVERTED]
    assert_identical(clone.apply(flax.core.freeze(loaded), inputs), outputs)
