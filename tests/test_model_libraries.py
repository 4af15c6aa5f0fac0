"""`assert_roundtrip` with models as written by libraries and their users: Transformers, Keras,
Gluon, Linen.
"""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any

import pytest

from pytest_ckpt import assert_roundtrip
from pytest_ckpt.backends import get_backend

from .conftest import BACKENDS


def _pretrained() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return five published architectures, with small sizes and random weights, and their inputs."""
    import torch
    import transformers as hub

    words = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    gpt = hub.GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50, n_positions=32, bos_token_id=0, eos_token_id=0)
    t5 = hub.T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    llama = hub.LlamaConfig(**small, vocab_size=50, num_key_value_heads=2)
    return {
        "bert": (hub.BertModel(hub.BertConfig(**small, vocab_size=50)), {"input_ids": words}),
        "gpt2": (hub.GPT2LMHeadModel(gpt), {"input_ids": words}),
        "vit": (hub.ViTModel(hub.ViTConfig(**small, image_size=16, patch_size=8)), {"pixel_values": torch.ones(2, 3, 16, 16)}),
        "t5": (hub.T5ForConditionalGeneration(t5), {"input_ids": words, "decoder_input_ids": words}),
        "llama": (hub.LlamaForCausalLM(llama), {"input_ids": words}),
    }


@pytest.mark.skipif("torch" not in BACKENDS, reason="needs torch")
@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs the package transformers")
@pytest.mark.parametrize("name", ["bert", "gpt2", "vit", "t5", "llama"])
def test_transformers_models_round_trip(name: str) -> None:
    model, inputs = _pretrained()[name]
    kind = type(model)
    assert_roundtrip(model, save=lambda given, path: given.save_pretrained(path), load=kind.from_pretrained, inputs=inputs)

    def forgetful(path: pathlib.Path) -> Any:
        loaded = kind.from_pretrained(path)
        next(loaded.parameters()).data.zero_()
        return loaded

    with pytest.raises(AssertionError, match="the loaded object differs from the saved one"):
        assert_roundtrip(model, save=lambda given, path: given.save_pretrained(path), load=forgetful, inputs=inputs)


@pytest.mark.skipif("tensorflow" not in BACKENDS, reason="needs tensorflow")
def test_names_tensor_that_keras_does_not_track(tmp_path: pathlib.Path) -> None:
    import keras
    import tensorflow as tf

    class Mine(keras.Model):  # type: ignore[misc]
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)
            self.scale = tf.constant(scale)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs) * self.scale

    def make(scale: float) -> Any:
        model = Mine(scale)
        model(tf.ones((1, 3)))
        return model

    def save(model: Any, path: pathlib.Path) -> None:
        model.save_weights(path)

    def load(path: pathlib.Path, model: Any) -> None:
        model.load_weights(path)

    same: dict[str, Any] = {"save": save, "load": load, "suffix": ".weights.h5", "inputs": tf.ones((2, 3))}
    assert_roundtrip(make(2.0), make=lambda: make(2.0), **same)
    with pytest.raises(AssertionError, match="scale is a tensor in a plain attribute"):
        assert_roundtrip(make(2.0), make=lambda: make(3.0), **same)


@pytest.mark.skipif("mxnet" not in BACKENDS, reason="needs mxnet")
def test_names_list_of_blocks_that_gluon_does_not_track() -> None:
    import mxnet as mx

    class Mine(mx.gluon.Block):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = mx.gluon.nn.Dense(3, in_units=3)
            self.layers = [mx.gluon.nn.Dense(3, in_units=3)]

        def forward(self, inputs: Any) -> Any:
            return self.layers[0](self.dense(inputs))

    def make() -> Any:
        model = Mine()
        model.initialize(mx.init.Uniform(1))
        for block in model.layers:
            block.initialize(mx.init.Uniform(1))
        return model

    def save(model: Any, path: pathlib.Path) -> None:
        model.save_parameters(str(path))

    def load(path: pathlib.Path, model: Any) -> None:
        model.load_parameters(str(path))

    with get_backend("mxnet").scope(), pytest.raises(AssertionError, match=r"layers is a list of modules \(1\)"):
        assert_roundtrip(make(), save=save, load=load, make=make, inputs=mx.np.ones((2, 3)))


@pytest.mark.skipif("jax" not in BACKENDS, reason="needs jax")
def test_variables_of_a_linen_module_are_a_tree() -> None:
    import jax
    from flax import linen, serialization

    class Network(linen.Module):  # type: ignore[misc]
        @linen.compact
        def __call__(self, inputs: Any) -> Any:
            return linen.Dense(2)(linen.BatchNorm(use_running_average=False)(linen.Dense(3)(inputs)))

    variables = Network().init(jax.random.key(1), jax.numpy.ones((2, 4)))
    assert set(variables) == {"params", "batch_stats"}

    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_bytes(serialization.to_bytes(tree))

    def load(path: pathlib.Path, template: Any) -> Any:
        return jax.tree.map(jax.numpy.asarray, serialization.from_bytes(template, path.read_bytes()))

    # JAX sorts the keys of dicts.
    assert_roundtrip(variables, save=save, load=load, template=True, ignore=["order"])

    def forgetful(path: pathlib.Path, template: Any) -> Any:
        return {**load(path, template), "batch_stats": template["batch_stats"]}

    with pytest.raises(AssertionError, match="batch_stats"):
        assert_roundtrip(variables, save=save, load=forgetful, template=True)
