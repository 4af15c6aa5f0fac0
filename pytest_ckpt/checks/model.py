"""The family `model`: a fresh clone of a network gets its parameters and buffers, and then gives the same outputs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..specs import LAYERS, LayerSpec, LoadInto, ModelSpec, Spec, other_model
from ..specs.capabilities import needs_of
from .base import CORE, EXTENDED, Check, FormatProfile, check

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

JUDGES = {"values", "nan-payload", "dtype", "shape", "keys", "container", "flags", "kind", "alias"}
_MODELS = {"features": "models"}


def dense(size: int, **more: Any) -> LayerSpec:
    """A dense layer, which most examples have beside the layer in question."""
    return LayerSpec("dense", size, **more)


def plainest(kind: str, depth: int = 1, both_ways: bool = False) -> ModelSpec:
    """The smallest network that has such a layer and something to lose."""
    row = LAYERS[kind]
    takes = (3,) if kind == "embedding" else (*(4 for _ in range(row.lengths[0])), 2)
    if row.needs == "inside":
        return ModelSpec((LayerSpec(kind, inside=(dense(2), dense(2))),), (2,))
    if row.needs == "of":
        return ModelSpec((dense(2), LayerSpec(kind, 2 if row.sized else 0, of=0)), (2,))
    layer = LayerSpec(kind, 2 if row.sized else 0, depth=depth, both_ways=both_ways)
    return ModelSpec((layer,) if row.learns else (dense(4), layer, dense(2)), takes)


def _layer(asking: FormatProfile, kind: str) -> Iterator[Spec]:
    """A network with this layer is saved and loaded into a fresh clone with other values: every parameter and every buffer
    comes back bit for bit under its name, flags and mode stay, and the clone gives the outputs of the original.

    Why: weights that are not loaded leave a model that runs and is wrong (tensorflow/tensorflow#43777, pytorch/examples#1029,
    huggingface/transformers#46620); statistics and derived weights are no parameters and get lost (torch/nn#1165,
    vllm-project/vllm#44371); layers predict otherwise after loading (keras-team/keras#779, keras-team/keras#19796).
    What to do: raise for every tensor of the model that the file does not name, and the other way round.
    """
    row = LAYERS[kind]
    takes = plainest(kind).inputs
    layer = LayerSpec(kind, 2 if row.sized else 0)
    yield plainest(kind)
    yield ModelSpec((layer, dense(2)) if kind == "embedding" else (dense(4), layer, dense(2)), takes, training=True)
    if kind == "dense":
        yield ModelSpec((dense(256), LayerSpec("relu"), dense(10)), (20,))
    if kind in ("rnn", "lstm", "gru"):
        yield ModelSpec((LayerSpec(kind, 2, depth=2, both_ways=True),), takes)
    for lengths in row.lengths[1:]:
        yield ModelSpec((dense(2), layer), (*(2 for _ in range(lengths)), 2), training=True)


#: Layers that have a case of their own under another name, or none because they neither hold nor do anything that could be lost.
_ELSEWHERE = ("lazy-dense", "buffer", "unsaved-buffer", "relu")

LAYER_CHECKS: tuple[Check, ...] = tuple(
    Check(
        name=f"model/{kind}",
        level=CORE,
        judges=frozenset(JUDGES),
        needs=needs_of({"layers": kind}),
        examples=lambda asking, kind=kind: _layer(asking, kind),  # type: ignore[misc]
        why=inspect.getdoc(_layer) or "",
    )
    for kind, row in LAYERS.items()
    if kind not in _ELSEWHERE and not row.needs
)


@check("model/lazy", judges=JUDGES, needs={"layers": "lazy-dense"})
def lazy(asking: FormatProfile) -> Iterator[Spec]:
    """Layers that learn their input size at the first call come back, also in a clone that was never called.

    Why: what has no shape yet is skipped, or restored at some later call (tensorflow/tensorflow#27937, pytorch/pytorch#126881).
    What to do: build the model before loading, or take the shapes from the file.
    """
    model = ModelSpec((LayerSpec("lazy-dense", 3), LayerSpec("relu"), LayerSpec("lazy-dense", 2)), (2,))
    yield model
    yield LoadInto(model, ModelSpec(model.layers, model.inputs, seed=7, fresh=True))


@check("model/values", judges=JUDGES, needs=_MODELS)
def values(asking: FormatProfile) -> Iterator[Spec]:
    """Parameters and buffers come back with every bit pattern that they can have, and with nothing but zeros.

    Why: a tensor that is all zero is taken for a missing one, numbers take a detour through another type, and equal tensors are taken
    for one (zarr-developers/zarr-python#703, PaddlePaddle/PaddleNLP#6242, zarr-developers/zarr-python#3144).
    What to do: move whole buffers, and let nothing but its name stand for a tensor.
    """
    layers = (dense(4), LayerSpec("batch-norm"), dense(4), dense(4))
    yield ModelSpec(layers, (4,), values="any")
    yield LoadInto(ModelSpec(layers, (4,), values="zeros"), ModelSpec(layers, (4,), seed=7))
    for dtype in ("float64", "float16", "bfloat16"):
        yield ModelSpec((dense(4, dtype=dtype), dense(4)), (4,), values="any")


@check("model/tied", judges=JUDGES, needs=_MODELS)
def tied(asking: FormatProfile) -> Iterator[Spec]:
    """Two layers that share one weight share it after loading, and nothing else is shared.

    Why: names are dropped or loaded one by one, and the tie is cut or the weight lost (pytorch/pytorch#188346,
    huggingface/transformers#38870, huggingface/transformers#41038, apache/mxnet#18717).
    What to do: load into the tensors that are there, or tie again by a record of all names.
    """
    yield plainest("tied")
    yield ModelSpec((dense(3), LayerSpec("relu"), dense(3), LayerSpec("tied", 3, of=2), dense(3)), (3,))


@check("model/shared-module", judges=JUDGES, needs=_MODELS)
def shared_module(asking: FormatProfile) -> Iterator[Spec]:
    """A layer that is used twice comes back as one layer.

    Why: each place gets a copy, and training then moves them apart (pytorch/pytorch#188346, huggingface/accelerate#2875).
    What to do: write a layer once, and restore all its places from it.
    """
    yield plainest("again")
    yield ModelSpec((dense(3), LayerSpec("model", inside=(LayerSpec("again", of=0), dense(3))), LayerSpec("again", of=0)), (3,))


def _drawn(asking: FormatProfile) -> SearchStrategy[Any]:
    from ..strategies import model_specs

    return model_specs(asking.backend)


def _its_layers(spec: Any) -> Iterator[Spec]:
    """For a drawn network the plainest one of each kind of layer in it: what a layer alone loses, as deep as it is, is not asked here."""
    layers = [here.layer for here in spec.every()]
    yield from dict.fromkeys(plainest(each.kind, each.depth, each.both_ways) for each in layers if each.kind != "model")
    yield from dict.fromkeys(ModelSpec((dense(2, dtype=each.dtype), dense(2)), (2,)) for each in layers if each.dtype != "float32")
    if any(layer.frozen for layer in layers):
        yield ModelSpec((dense(2, frozen=True), dense(2)), (2,))


@check("model/nested", judges=JUDGES, needs=_MODELS, explore=_drawn, premise=_its_layers)
def nested(asking: FormatProfile) -> Iterator[Spec]:
    """Models within models come back, however deep; then whole networks of all kinds of layers are drawn.

    Why: walkers stop at some depth, or walk in another order when they load (keras-team/keras#12907, keras-team/keras#10180,
    keras-team/keras#13744).
    What to do: one walk for both directions, by name.
    """
    inner = LayerSpec("model", inside=(dense(2), LayerSpec("model", inside=(dense(2), LayerSpec("model", inside=(dense(2),))))))
    yield ModelSpec((inner,), (2,))
    yield ModelSpec((inner, LayerSpec("residual", inside=(LayerSpec("relu"), dense(2))), dense(3)), (2,))
    deep: LayerSpec = LayerSpec("model", inside=(dense(2), LayerSpec("batch-norm")))
    for _ in range(4):
        deep = LayerSpec("model", inside=(dense(2), LayerSpec("batch-norm"), deep))
    yield ModelSpec((deep, dense(2), LayerSpec("model", inside=(dense(2), dense(2), dense(2)))), (2,), training=True)


def _held_in(kind: str) -> Iterator[Spec]:
    yield plainest(kind)
    within = LayerSpec(kind, inside=(dense(2), LayerSpec("batch-norm"), LayerSpec(kind, inside=(dense(2), dense(2), dense(2)))))
    yield ModelSpec((dense(2), within), (2,))


@check("model/list", judges=JUDGES, needs={"layers": "list"})
def list_(asking: FormatProfile) -> Iterator[Spec]:
    """Layers that are kept in a list, and in a list in it, come back.

    Why: a list within a list is not walked (keras-team/keras#20598).
    What to do: use the framework's own list of modules, and count tensors on both sides.
    """
    return _held_in("list")


@check("model/dict", judges=JUDGES, needs={"layers": "dict"})
def dict_(asking: FormatProfile) -> Iterator[Spec]:
    """Layers that are kept in a dict, and in a dict in it, come back under their keys.

    Why: keys are replaced by places, and places depend on an order (keras-team/keras#20598, tensorflow/tensorflow#20516).
    What to do: let the key be part of the name.
    """
    return _held_in("dict")


@check("model/frozen", level=EXTENDED, judges=JUDGES, needs={"features": "frozen-layers"})
def frozen(asking: FormatProfile) -> Iterator[Spec]:
    """That a layer is not trained is known after loading into a clone that trains it.

    Why: the flag is not in the file, and fine-tuning moves what should stand still (tensorflow/tensorflow#46329,
    pytorch/pytorch#121157).
    What to do: save the flag, or say in the documentation that only values are saved.
    """
    layers = (dense(2, frozen=True), dense(2))
    yield LoadInto(ModelSpec(layers, (2,)), other_model(ModelSpec((dense(2), dense(2)), (2,))))


@check("model/frozen-values", judges=JUDGES, needs={"features": "frozen-layers"})
def frozen_values(asking: FormatProfile) -> Iterator[Spec]:
    """The values of a layer that is not trained come back like all others, into a clone in which it is not trained either.

    Why: what is written, and in which order, depends on the flag (keras-team/keras#953, keras-team/keras#9905).
    What to do: walk all tensors, whatever their flags.
    """
    yield ModelSpec((dense(2, frozen=True), dense(2)), (2,))
    yield ModelSpec((dense(2), dense(2, frozen=True), LayerSpec("batch-norm", frozen=True)), (2,))


@check("model/mode", level=EXTENDED, judges=JUDGES, needs={"features": "training-mode"})
def mode(asking: FormatProfile) -> Iterator[Spec]:
    """Whether a model was left in training or in evaluation is known after loading into a clone that was left in the other.

    Why: a loader chooses a mode of its own, or none (XuehaiPan/Soft-Actor-Critic#1).
    What to do: save the mode, or say in the documentation that it is the caller's.
    """
    layers = (dense(2), LayerSpec("batch-norm"), dense(2))
    for training in (True, False):
        yield LoadInto(ModelSpec(layers, (2,), training=training), ModelSpec(layers, (2,), seed=7, training=not training))


@check("model/mixed-dtype", judges=JUDGES, needs=_MODELS)
def mixed_dtype(asking: FormatProfile) -> Iterator[Spec]:
    """Layers of other floating-point types keep them, beside layers of float32.

    Why: everything is cast to one type on the way (PaddlePaddle/PaddleNLP#6242, keras-team/tf-keras#420).
    What to do: store each tensor with its own type.
    """
    for dtype in ("float64", "float16", "bfloat16"):
        yield ModelSpec((dense(2, dtype=dtype), dense(2)), (2,))


@check("model/buffers", judges=JUDGES, needs=_MODELS)
def buffers(asking: FormatProfile) -> Iterator[Spec]:
    """What a model keeps beside its parameters comes back; what the framework does not save is left as it was made.

    Why: buffers are no parameters, and are forgotten, overwritten or zeroed (torch/nn#1165, pytorch/torchtitan#1371,
    vllm-project/vllm#44371).
    What to do: save every buffer that cannot be made anew, and touch no other.
    """
    yield ModelSpec((LayerSpec("buffer"),), (2,))
    yield ModelSpec((dense(3), LayerSpec("buffer"), LayerSpec("batch-norm")), (2,))
    if "unsaved-buffer" in asking.capabilities.layers:
        yield ModelSpec((dense(3), LayerSpec("unsaved-buffer")), (2,))


@check("model/architecture", judges=JUDGES, needs=_MODELS)
def architecture(asking: FormatProfile) -> Iterator[Spec]:
    """A file that holds the whole model knows what its layers were configured with: epsilon, slope, rate, sizes.

    Asked of formats that load a model from the path alone.

    Why: arguments that are not in the configuration come back as their defaults (tensorflow/tensorflow#40981,
    keras-team/keras#23657, pybamm-team/PyBaMM#5548).
    What to do: derive the configuration from the constructor, and compare the configuration of what was loaded.
    """
    if asking.models == "whole":
        for kind, setting in (("batch-norm", 0.125), ("leaky-relu", 0.125), ("dropout", 0.25), ("layer-norm", 0.5)):
            yield ModelSpec((dense(4), LayerSpec(kind, setting=setting), dense(2)), (2,))
