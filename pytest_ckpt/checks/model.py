"""The family `model`: a new model gets the parameters and buffers of the saved one, and then returns the same outputs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..specs import LAYERS, LayerSpec, LoadInto, ModelSpec, Spec, other_model
from ..specs.capabilities import needs_of
from .base import CORE, EXTENDED, MODEL, Check, Explore, Premise, check
from .profile import FormatProfile

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

JUDGES = {"values", "nan-payload", "dtype", "shape", "keys", "container", "flags", "kind", "alias"}


def _model(
    case: str, *, level: str = CORE, needs: dict[str, str] | None = None, explore: Explore | None = None, premise: Premise | None = None
) -> Callable[[Callable[[FormatProfile], Iterator[Spec]]], Check]:
    needs = needs or {"features": "models"}
    return check(f"model/{case}", level=level, judges=JUDGES, needs=needs, explore=explore, premise=premise, subjects={MODEL})


def dense(size: int, **settings: Any) -> LayerSpec:
    """Return a dense layer. Most examples have some besides the layer that they check."""
    return LayerSpec("dense", size, **settings)


def smallest_model(kind: str, depth: int = 1, both_ways: bool = False) -> ModelSpec:
    """Return the smallest model that has a layer of this kind, and has parameters or buffers."""
    row = LAYERS[kind]
    inputs = (3,) if kind == "embedding" else (*(4 for _ in range(row.lengths[0])), 2)
    if row.needs == "inside":
        return ModelSpec((LayerSpec(kind, inside=(dense(2), dense(2))),), (2,))
    if row.needs == "of":
        return ModelSpec((dense(2), LayerSpec(kind, 2 if row.sized else 0, of=0)), (2,))
    layer = LayerSpec(kind, 2 if row.sized else 0, depth=depth, both_ways=both_ways)
    return ModelSpec((layer,) if row.learns else (dense(4), layer, dense(2)), inputs)


def _layer(profile: FormatProfile, kind: str) -> Iterator[Spec]:
    """A model with this layer is restored into a new model with other values.

    Every parameter and buffer is restored bit for bit under its name, flags and the training mode
    do not change, and the new model returns the outputs of the saved one.

    Why: a model with some weights not loaded runs and is wrong (tensorflow/tensorflow#43777,
    pytorch/examples#1029, huggingface/transformers#46620); statistics and derived weights are not
    parameters, and are lost (torch/nn#1165, vllm-project/vllm#44371); layers predict differently
    after loading (keras-team/keras#779, keras-team/keras#19796).
    What to do: raise for every tensor of the model that is not in the file, and the other way round.
    """
    row = LAYERS[kind]
    inputs = smallest_model(kind).inputs
    layer = LayerSpec(kind, 2 if row.sized else 0)
    yield smallest_model(kind)
    yield ModelSpec((layer, dense(2)) if kind == "embedding" else (dense(4), layer, dense(2)), inputs, training=True)
    if kind == "dense":
        yield ModelSpec((dense(256), LayerSpec("relu"), dense(10)), (20,))
    if kind in ("rnn", "lstm", "gru"):
        yield ModelSpec((LayerSpec(kind, 2, depth=2, both_ways=True),), inputs)
    for lengths in row.lengths[1:]:
        yield ModelSpec((dense(2), layer), (*(2 for _ in range(lengths)), 2), training=True)


#: Layers without a check of their own name: `lazy` and `buffers` check three of them, and a ReLU has no state.
_ELSEWHERE = ("lazy-dense", "buffer", "unsaved-buffer", "relu")

LAYER_CHECKS: tuple[Check, ...] = tuple(
    Check(
        name=f"model/{kind}",
        level=CORE,
        judges=frozenset(JUDGES),
        examples=lambda profile, kind=kind: _layer(profile, kind),  # type: ignore[misc]
        explanation=inspect.getdoc(_layer) or "",
        needs=needs_of({"layers": kind}),
        subjects=frozenset({MODEL}),
    )
    for kind, row in LAYERS.items()
    if kind not in _ELSEWHERE and not row.needs
)


@_model("lazy", needs={"layers": "lazy-dense"})
def lazy(profile: FormatProfile) -> Iterator[Spec]:
    """Layers that learn their input size at the first call are restored, even into a model that was never called.

    Why: a parameter without a shape is skipped, or restored at some later call
    (tensorflow/tensorflow#27937, pytorch/pytorch#126881).
    What to do: build the model before loading, or use the shapes in the file.
    """
    model = ModelSpec((LayerSpec("lazy-dense", 3), LayerSpec("relu"), LayerSpec("lazy-dense", 2)), (2,))
    yield model
    yield LoadInto(model, ModelSpec(model.layers, model.inputs, seed=7, fresh=True))


@_model("values")
def values(profile: FormatProfile) -> Iterator[Spec]:
    """Parameters and buffers are restored with any bit patterns, and also if all are zero.

    Why: a tensor of zeros is taken for a missing one, numbers are converted to another type and
    back, and equal tensors are merged (zarr-developers/zarr-python#703,
    PaddlePaddle/PaddleNLP#6242, zarr-developers/zarr-python#3144).
    What to do: copy whole buffers, and identify a tensor by its name only.
    """
    layers = (dense(4), LayerSpec("batch-norm"), dense(4), dense(4))
    yield ModelSpec(layers, (4,), values="any")
    yield LoadInto(ModelSpec(layers, (4,), values="zeros"), ModelSpec(layers, (4,), seed=7))
    for dtype in ("float64", "float16", "bfloat16"):
        yield ModelSpec((dense(4, dtype=dtype), dense(4)), (4,), values="any")


@_model("tied")
def tied(profile: FormatProfile) -> Iterator[Spec]:
    """Two layers that share a weight share it after loading, and no other layers share one.

    Why: names are dropped or loaded one by one, so the layers become independent or the weight is
    lost (pytorch/pytorch#188346, huggingface/transformers#38870, huggingface/transformers#41038,
    apache/mxnet#18717).
    What to do: load into the existing tensors, or store all names of a tensor and tie them again.
    """
    yield smallest_model("tied")
    yield ModelSpec((dense(3), LayerSpec("relu"), dense(3), LayerSpec("tied", 3, of=2), dense(3)), (3,))


@_model("shared-module")
def shared_module(profile: FormatProfile) -> Iterator[Spec]:
    """A layer that is used twice is restored as one layer.

    Why: each use gets a copy, and training makes the copies different (pytorch/pytorch#188346,
    huggingface/accelerate#2875).
    What to do: write a layer once, and restore all its uses from it.
    """
    yield smallest_model("again")
    yield ModelSpec((dense(3), LayerSpec("model", inside=(LayerSpec("again", of=0), dense(3))), LayerSpec("again", of=0)), (3,))


def _draw_models(profile: FormatProfile) -> SearchStrategy[Any]:
    from ..strategies import model_specs

    return model_specs(profile.backend)


def _each_layer(spec: Any) -> Iterator[Spec]:
    """Yield the smallest model for each layer of a drawn one: what a single layer loses is reported by its own check."""
    layers = [here.layer for here in spec.all_layers()]
    yield from dict.fromkeys(smallest_model(each.kind, each.depth, each.both_ways) for each in layers if each.kind != "model")
    yield from dict.fromkeys(ModelSpec((dense(2, dtype=each.dtype), dense(2)), (2,)) for each in layers if each.dtype != "float32")
    if any(layer.frozen for layer in layers):
        yield ModelSpec((dense(2, frozen=True), dense(2)), (2,))


@_model("nested", explore=_draw_models, premise=_each_layer)
def nested(profile: FormatProfile) -> Iterator[Spec]:
    """Models inside models are restored, at any depth.

    After the fixed examples, models with layers of all kinds are drawn.

    Why: code stops at some depth, or goes through the layers in another order when it loads
    (keras-team/keras#12907, keras-team/keras#10180, keras-team/keras#13744).
    What to do: use one function that goes through the layers by name, for saving and loading.
    """
    inner = LayerSpec("model", inside=(dense(2), LayerSpec("model", inside=(dense(2), LayerSpec("model", inside=(dense(2),))))))
    yield ModelSpec((inner,), (2,))
    yield ModelSpec((inner, LayerSpec("residual", inside=(LayerSpec("relu"), dense(2))), dense(3)), (2,))
    deep: LayerSpec = LayerSpec("model", inside=(dense(2), LayerSpec("batch-norm")))
    for _ in range(4):
        deep = LayerSpec("model", inside=(dense(2), LayerSpec("batch-norm"), deep))
    yield ModelSpec((deep, dense(2), LayerSpec("model", inside=(dense(2), dense(2), dense(2)))), (2,), training=True)


def _held_in(kind: str) -> Iterator[Spec]:
    yield smallest_model(kind)
    within = LayerSpec(kind, inside=(dense(2), LayerSpec("batch-norm"), LayerSpec(kind, inside=(dense(2), dense(2), dense(2)))))
    yield ModelSpec((dense(2), within), (2,))


@_model("list", needs={"layers": "list"})
def list_(profile: FormatProfile) -> Iterator[Spec]:
    """Layers in a list, and in a list inside a list, are restored.

    Why: the inner list is skipped (keras-team/keras#20598).
    What to do: use the container for modules of the framework, and compare the numbers of tensors.
    """
    return _held_in("list")


@_model("dict", needs={"layers": "dict"})
def dict_(profile: FormatProfile) -> Iterator[Spec]:
    """Layers in a dict, and in a dict inside a dict, are restored under their keys.

    Why: keys are replaced by positions, and positions depend on an order (keras-team/keras#20598,
    tensorflow/tensorflow#20516).
    What to do: make the key part of the name.
    """
    return _held_in("dict")


@_model("frozen", level=EXTENDED, needs={"features": "frozen-layers"})
def frozen(profile: FormatProfile) -> Iterator[Spec]:
    """A frozen layer is frozen after loading into a model in which it is trainable.

    Why: the flag is not in the file, and fine-tuning changes weights that must not change
    (tensorflow/tensorflow#46329, pytorch/pytorch#121157).
    What to do: save the flag, or document that only values are saved.
    """
    layers = (dense(2, frozen=True), dense(2))
    yield LoadInto(ModelSpec(layers, (2,)), other_model(ModelSpec((dense(2), dense(2)), (2,))))


@_model("frozen-values", needs={"features": "frozen-layers"})
def frozen_values(profile: FormatProfile) -> Iterator[Spec]:
    """The values of a frozen layer are restored, into a model in which it is frozen too.

    Why: which tensors are written, and in which order, depends on the flag (keras-team/keras#953,
    keras-team/keras#9905).
    What to do: save all tensors, whatever their flags.
    """
    yield ModelSpec((dense(2, frozen=True), dense(2)), (2,))
    yield ModelSpec((dense(2), dense(2, frozen=True), LayerSpec("batch-norm", frozen=True)), (2,))


@_model("mode", level=EXTENDED, needs={"features": "training-mode"})
def mode(profile: FormatProfile) -> Iterator[Spec]:
    """The mode of a model, training or evaluation, is restored into a model that is in the other mode.

    Why: a loader sets a fixed mode, or none (XuehaiPan/Soft-Actor-Critic#1).
    What to do: save the mode, or document that the caller has to set it.
    """
    layers = (dense(2), LayerSpec("batch-norm"), dense(2))
    for training in (True, False):
        yield LoadInto(ModelSpec(layers, (2,), training=training), ModelSpec(layers, (2,), seed=7, training=not training))


@_model("mixed-dtype")
def mixed_dtype(profile: FormatProfile) -> Iterator[Spec]:
    """Layers with other floating-point dtypes keep them, in a model that also has float32 layers.

    Why: all tensors are cast to one dtype (PaddlePaddle/PaddleNLP#6242, keras-team/tf-keras#420).
    What to do: store the dtype of each tensor.
    """
    for dtype in ("float64", "float16", "bfloat16"):
        yield ModelSpec((dense(2, dtype=dtype), dense(2)), (2,))


@_model("buffers")
def buffers(profile: FormatProfile) -> Iterator[Spec]:
    """Buffers are restored, and buffers that the framework does not save are not changed.

    Why: buffers are not parameters, so they are forgotten, overwritten or set to zero
    (torch/nn#1165, pytorch/torchtitan#1371, vllm-project/vllm#44371).
    What to do: save every buffer that cannot be computed again, and do not touch the others.
    """
    yield ModelSpec((LayerSpec("buffer"),), (2,))
    yield ModelSpec((dense(3), LayerSpec("buffer"), LayerSpec("batch-norm")), (2,))
    if "unsaved-buffer" in profile.capabilities.layers:
        yield ModelSpec((dense(3), LayerSpec("unsaved-buffer")), (2,))


@_model("architecture")
def architecture(profile: FormatProfile) -> Iterator[Spec]:
    """A file with a whole model restores the settings of its layers: epsilon, slope, rate and sizes.

    Only formats that load a model without a given model are checked.

    Why: arguments that are missing in the saved configuration get their defaults
    (tensorflow/tensorflow#40981, keras-team/keras#23657, pybamm-team/PyBaMM#5548).
    What to do: derive the configuration from the constructor, and compare the configuration of the
    loaded model with it.
    """
    if profile.model_loading == "whole":
        for kind, setting in (("batch-norm", 0.125), ("leaky-relu", 0.125), ("dropout", 0.25), ("layer-norm", 0.5)):
            yield ModelSpec((dense(4), LayerSpec(kind, setting=setting), dense(2)), (2,))
