"""Published architectures with small sizes and random weights: `assert_roundtrip` must pass for each of them.

``python -m tests.architectures BACKEND [PART OF A NAME ...]`` runs those that the installed packages
have, and prints one line for each. `test_model_libraries` runs some of them. The packages are
transformers, timm and torchvision for torch; keras and keras-hub for tensorflow; jraphx and
mamba2-jax for jax.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from pytest_ckpt import assert_roundtrip


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A function that builds a model with other values in each call, and one that builds inputs.

    ``saves`` are the ways to save it, by name: save, load, whether load fills a fresh model, and
    the suffix of the file.
    """

    make: Callable[[], Any]
    inputs: Callable[[], Any]
    saves: dict[str, tuple[Callable[..., Any], Callable[..., Any], bool, str]]

    def check(self) -> None:
        """Round-trip it in each way, and raise AssertionError if that fails, or if a loader that does
        nothing passes.
        """
        model, inputs = self.make(), self.inputs()
        for save, load, fills, suffix in self.saves.values():
            options: dict[str, Any] = {"make": self.make} if fills else {}
            assert_roundtrip(model, save=save, load=load, inputs=inputs, suffix=suffix, **options)
        self.check_that_nothing_loaded_fails(model)

    def check_that_nothing_loaded_fails(self, model: Any) -> None:
        save, _, _, suffix = next(iter(self.saves.values()))
        try:
            assert_roundtrip(model, save=save, load=lambda path, fresh: None, make=self.make, suffix=suffix)
        except AssertionError:
            return
        raise AssertionError("a loader that does nothing passes")


# ------------------------------------------------------------------ torch


def _save_state(model: Any, path: pathlib.Path) -> None:
    import torch

    torch.save(model.state_dict(), path)


def _load_state(path: pathlib.Path, model: Any) -> None:
    import torch

    model.load_state_dict(torch.load(path))


def _load_whole(path: pathlib.Path) -> Any:
    import torch

    return torch.load(path, weights_only=False)


def _save_whole(model: Any, path: pathlib.Path) -> None:
    import torch

    torch.save(model, path)


_TORCH = {"state": (_save_state, _load_state, True, ".pt"), "whole": (_save_whole, _load_whole, False, ".pt")}

#: Small values for the names that configurations of Transformers use.
_SMALL: dict[str, Any] = {
    "hidden_size": 16, "d_model": 16, "n_embd": 16, "dim": 16, "embed_dim": 16, "emb_dim": 16, "embedding_size": 16,
    "num_hidden_layers": 2, "n_layer": 2, "n_layers": 2, "num_layers": 2, "encoder_layers": 2, "decoder_layers": 2,
    "num_attention_heads": 2, "n_head": 2, "n_heads": 2, "num_heads": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "num_key_value_heads": 2, "intermediate_size": 32, "d_ff": 32, "hidden_dim": 32, "d_kv": 8, "head_dim": 8,
    "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "ffn_dim": 32, "d_inner": 32, "vocab_size": 60, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "max_position_embeddings": 64, "n_positions": 64, "image_size": 32, "patch_size": 8, "state_size": 8,
    "word_embed_proj_dim": 16, "moe_intermediate_size": 16, "num_experts": 4, "num_local_experts": 4,
}  # fmt: skip
_TEXT = (
    "albert", "bert", "bloom", "convbert", "deberta_v2", "distilbert", "electra", "ernie", "falcon", "gemma", "gpt2",
    "gpt_neo", "gpt_neox", "gptj", "llama", "mamba", "mistral", "mixtral", "mpnet", "mpt", "olmo", "opt", "phi", "qwen2", "qwen3",
    "roberta", "stablelm", "starcoder2", "xglm", "xlm_roberta",
)  # fmt: skip
# Not marian and pegasus: from_pretrained makes their frozen position embeddings trainable.
_PAIRS = ("bart", "m2m_100", "mbart", "t5")
_IMAGES = ("beit", "convnext", "deit", "dinov2", "resnet", "vit", "swin")


def _config(kind: str) -> Any:
    import transformers

    config = transformers.AutoConfig.for_model(kind.replace("_", "-") if kind in ("deberta_v2", "xlm_roberta") else kind)
    values = {key: value for key, value in _SMALL.items() if hasattr(config, key) and kind not in ("falcon", "swin")}
    special = {
        "convnext": {"depths": [1, 1], "hidden_sizes": [8, 16], "num_stages": 2},
        "resnet": {"depths": [1, 1], "hidden_sizes": [16, 32], "embedding_size": 8, "layer_type": "basic"},
        "swin": {"depths": [1, 1], "num_heads": [2, 2], "embed_dim": 8, "window_size": 2, "image_size": 32},
        "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
        "falcon": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 60},
        "gptj": {"rotary_dim": 4},
    }
    return type(config)(**{**values, **special.get(kind, {})})


def _transformer(kind: str) -> Architecture:
    def make() -> Any:
        import transformers

        return transformers.AutoModel.from_config(_config(kind)).eval()

    def inputs() -> Any:
        import torch

        words = torch.arange(3, 11).reshape(2, 4)
        if kind in _IMAGES:
            return {"pixel_values": torch.linspace(0, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)}
        return {"input_ids": words, **({"decoder_input_ids": words} if kind in _PAIRS else {})}

    def load(path: pathlib.Path) -> Any:
        import transformers

        return transformers.AutoModel.from_pretrained(path)

    def save(model: Any, path: pathlib.Path) -> None:
        model.save_pretrained(path)

    return Architecture(make, inputs, {"pretrained": (save, load, False, ""), **_TORCH})


_TIMM = ("convnextv2_atto", "efficientnet_b0", "ghostnet_100", "mobilenetv3_small_050", "mixer_s32_224", "regnetx_002", "resnet18")
_TORCHVISION = ("densenet121", "googlenet", "mnasnet0_5", "shufflenet_v2_x0_5", "squeezenet1_1")


def _vision(package: str, name: str) -> Architecture:
    def make() -> Any:
        if package == "timm":
            import timm

            return timm.create_model(name, pretrained=False, num_classes=5).eval()
        import torchvision

        more = {"init_weights": False} if name == "googlenet" else {}
        return getattr(torchvision.models, name)(weights=None, num_classes=5, **more).eval()

    def inputs() -> Any:
        import torch

        size = 224 if name.endswith("_224") else 64
        return torch.linspace(0, 1, 2 * 3 * size * size).reshape(2, 3, size, size)

    return Architecture(make, inputs, _TORCH)


def _torch() -> dict[str, Architecture]:
    found = {}
    if importlib.util.find_spec("transformers"):
        found.update({f"transformers/{kind}": _transformer(kind) for kind in (*_TEXT, *_PAIRS, *_IMAGES)})
    if importlib.util.find_spec("timm"):
        found.update({f"timm/{name}": _vision("timm", name) for name in _TIMM})
    if importlib.util.find_spec("torchvision"):
        found.update({f"torchvision/{name}": _vision("torchvision", name) for name in _TORCHVISION})
    return found


# ------------------------------------------------------------------ Keras

_APPLICATIONS = {
    "ConvNeXtTiny": 32, "DenseNet121": 32, "EfficientNetB0": 32, "EfficientNetV2B0": 32, "InceptionV3": 75, "MobileNet": 32,
    "MobileNetV2": 32, "MobileNetV3Small": 32, "NASNetMobile": 32, "ResNet50": 32, "ResNet50V2": 32, "VGG16": 32, "Xception": 71,
}  # fmt: skip
_SIZES: dict[str, Any] = {"num_layers": 1, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 32}
_BACKBONES: dict[str, dict[str, Any]] = {
    "AlbertBackbone": {**_SIZES, "embedding_dim": 8, "vocabulary_size": 60},
    "BartBackbone": {**_SIZES, "vocabulary_size": 60},
    "BertBackbone": {**_SIZES, "vocabulary_size": 60},
    "BloomBackbone": {**_SIZES, "vocabulary_size": 60},
    "DebertaV3Backbone": {**_SIZES, "vocabulary_size": 60},
    "DistilBertBackbone": {**_SIZES, "vocabulary_size": 60},
    "FNetBackbone": {"num_layers": 1, "hidden_dim": 16, "intermediate_dim": 32, "vocabulary_size": 60},
    "GPT2Backbone": {**_SIZES, "vocabulary_size": 60},
    "GPTNeoXBackbone": {**_SIZES, "vocabulary_size": 60},
    "OPTBackbone": {**_SIZES, "vocabulary_size": 60},
    "RobertaBackbone": {**_SIZES, "vocabulary_size": 60},
}


def _save_keras(model: Any, path: pathlib.Path) -> None:
    model.save(path)


def _load_keras(path: pathlib.Path) -> Any:
    import keras

    return keras.saving.load_model(path)


def _save_weights(model: Any, path: pathlib.Path) -> None:
    model.save_weights(path)


def _load_weights(path: pathlib.Path, model: Any) -> None:
    model.load_weights(path)


_KERAS = {"weights": (_save_weights, _load_weights, True, ".weights.h5"), "whole": (_save_keras, _load_keras, False, ".keras")}


def _application(name: str, size: int) -> Architecture:
    def make() -> Any:
        import keras

        return getattr(keras.applications, name)(weights=None, classes=5, input_shape=(size, size, 3))

    def inputs() -> Any:
        import tensorflow as tf

        return tf.reshape(tf.linspace(0.0, 1.0, 2 * size * size * 3), (2, size, size, 3))

    return Architecture(make, inputs, _KERAS)


def _backbone(name: str, sizes: dict[str, Any]) -> Architecture:
    def make() -> Any:
        import keras_hub

        return getattr(keras_hub.models, name)(**sizes)

    def inputs() -> Any:
        import tensorflow as tf

        words, mask = tf.reshape(tf.range(8), (2, 4)), tf.ones((2, 4), tf.int32)
        every = {"token_ids": words, "padding_mask": mask, "segment_ids": mask * 0}
        every |= {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in every.items()}
        return {key: every[key] for key in make().input}

    return Architecture(make, inputs, _KERAS)


def _keras() -> dict[str, Architecture]:
    found = {f"keras/{name}": _application(name, size) for name, size in _APPLICATIONS.items()}
    if importlib.util.find_spec("keras_hub"):
        found.update({f"keras-hub/{name}": _backbone(name, sizes) for name, sizes in _BACKBONES.items()})
    return found


# ------------------------------------------------------------------ Flax


def _save_nnx(model: Any, path: pathlib.Path) -> None:
    import pickle

    import jax
    from flax import nnx

    state = nnx.to_pure_dict(nnx.state(model))
    keys = jax.tree.map(lambda leaf: jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf, state)
    path.write_bytes(pickle.dumps(jax.device_get(keys)))


def _load_nnx(path: pathlib.Path, model: Any) -> None:
    import pickle

    import jax
    from flax import nnx

    state = nnx.state(model)
    loaded = pickle.loads(path.read_bytes())
    own = nnx.to_pure_dict(state)
    keys = jax.tree.map(
        lambda leaf, new: (
            jax.random.wrap_key_data(new) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else jax.numpy.asarray(new)
        ),
        own,
        loaded,
    )
    nnx.replace_by_pure_dict(state, keys)
    nnx.update(model, state)


_NNX = {"state": (_save_nnx, _load_nnx, True, ".pickle")}
_SEEDS = iter(range(1, 10_000))


def _graph(name: str) -> Architecture:
    def make() -> Any:
        import jraphx.nn
        from flax import nnx

        return getattr(jraphx.nn, name)(in_features=4, hidden_features=8, num_layers=2, out_features=3, rngs=nnx.Rngs(next(_SEEDS)))

    def inputs() -> Any:
        import jax.numpy as jnp

        nodes = jnp.linspace(0, 1, 20).reshape(5, 4)
        return (nodes, jnp.array([[0, 1, 2, 3], [1, 2, 3, 4]]))

    return Architecture(make, inputs, _NNX)


def _mamba(name: str) -> Architecture:
    def make() -> Any:
        import mamba2_jax
        from flax import nnx

        config = mamba2_jax.Mamba2Config(vocab_size=60, hidden_size=16, state_size=8, head_dim=8, num_hidden_layers=2)
        return getattr(mamba2_jax, name)(config, rngs=nnx.Rngs(next(_SEEDS)))

    def inputs() -> Any:
        import jax.numpy as jnp

        return {"input_ids": jnp.arange(8).reshape(2, 4)}

    return Architecture(make, inputs, _NNX)


def _flax() -> dict[str, Architecture]:
    found = {}
    if importlib.util.find_spec("jraphx"):
        found.update({f"jraphx/{name}": _graph(name) for name in ("GAT", "GCN", "GIN", "GraphSAGE")})
    if importlib.util.find_spec("mamba2_jax"):
        found.update({f"mamba2-jax/{name}": _mamba(name) for name in ("Mamba2ForCausalLM", "Mamba2Model")})
    return found


def architectures(backend: str) -> dict[str, Architecture]:
    """Return the architectures of the installed packages for a backend."""
    return {"torch": _torch, "tensorflow": _keras, "jax": _flax}[backend]()


def main(backend: str, *names: str) -> int:
    failed = 0
    for name, architecture in architectures(backend).items():
        if names and not any(each in name for each in names):
            continue
        start = time.perf_counter()
        try:
            architecture.check()
            result = "passed"
        except Exception as error:
            failed += 1
            result = f"FAILED {type(error).__name__}: {error}"
            traceback.print_exc(limit=-2)
        print(f"{name:40} {time.perf_counter() - start:6.1f} s  {result}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
