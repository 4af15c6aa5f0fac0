"""The family `mismatch`: a file that does not fit is never loaded silently, and a partial load loads only the requested layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ..specs import (
    DictSpec,
    Fill,
    LayerSpec,
    ListSpec,
    Mismatch,
    ModelSpec,
    NarrowLoad,
    PartialLoad,
    Spec,
    TensorSpec,
    other_model,
    other_values,
)
from .base import MODEL, TREE, Check, check
from .model import dense
from .profile import FormatProfile

_JUDGES = {"values", "nan-payload", "dtype", "shape", "keys", "flags"}
_MODELS = {"features": "models"}
Leaves = tuple[tuple[str, TensorSpec], ...]


def _mismatch(case: str, needs: dict[str, str] | None = None) -> Callable[[Callable[[FormatProfile], Iterator[Spec]]], Check]:
    return check(f"mismatch/{case}", judges=_JUDGES, needs=needs, subjects={TREE, MODEL})


def _mismatches(
    profile: FormatProfile, saved: tuple[LayerSpec, ...], target: tuple[LayerSpec, ...], leaves: Leaves, others: Leaves
) -> Iterator[Spec]:
    """Yield the models if the format loads into a model, and the dicts of leaves if it takes a template."""
    if _loads_into_models(profile):
        yield Mismatch(ModelSpec(saved, (2,)), other_model(ModelSpec(target, (2,))))
    if leaves and profile.template and (tree := _tree(profile, leaves)) is not None and (other := _tree(profile, others)) is not None:
        yield Mismatch(tree, other_values(other))


def _loads_into_models(profile: FormatProfile) -> bool:
    return profile.model_loading == "into" and "models" in profile.capabilities.features


def _tree(profile: FormatProfile, leaves: Leaves) -> Spec | None:
    """Return the leaves as a tree of the domain; None for several leaves in a domain of single tensors."""
    if profile.domain == "tensor":
        return leaves[0][1] if len(leaves) == 1 else None
    return ListSpec(tuple(leaf for _, leaf in leaves)) if profile.domain == "list" else DictSpec(leaves)


def _leaf(seed: int, shape: tuple[int, ...] = (2,), dtype: str = "float32") -> TensorSpec:
    return TensorSpec(dtype, shape, fill=Fill(seed))


_FIRST, _SECOND = ("leaf1", _leaf(1)), ("leaf2", _leaf(2))


@_mismatch("missing")
def missing(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor of the target that is not in the file causes an error or a report.

    It must not keep its random values silently.

    Why: a partly loaded model runs and is wrong (huggingface/transformers#38870,
    AI-Hypercomputer/maxtext#4341, pytorch/pytorch#126285, tensorflow/tensorflow#43777).
    What to do: compare the names in the file and in the target, and raise.
    """
    yield from _mismatches(profile, (dense(2),), (dense(2), dense(2)), (_FIRST,), (_FIRST, _SECOND))
    yield from _mismatches(profile, (dense(2),), (dense(2), LayerSpec("buffer")), (), ())
    yield from _mismatches(profile, (dense(2),), (dense(2), LayerSpec("batch-norm")), (("leaf2", _leaf(1)),), (_FIRST, _SECOND))


@_mismatch("extra")
def extra(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor in the file that the target does not have causes an error or a report.

    Why: often it is a tensor whose name has changed (pytorch/examples#1029, pytorch/pytorch#126881,
    keras-team/keras#20128).
    What to do: compare the names in the file and in the target, and raise.
    """
    yield from _mismatches(profile, (dense(2), dense(2)), (dense(2),), (_FIRST, _SECOND), (_FIRST,))
    yield from _mismatches(profile, (dense(2), LayerSpec("buffer")), (dense(2),), (), ())
    yield from _mismatches(profile, (dense(2), LayerSpec("batch-norm")), (dense(2),), (_FIRST, _SECOND), (("leaf2", _leaf(1)),))


@_mismatch("renamed")
def renamed(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor with different names in the file and in the target causes an error or a report.

    It is also correct if the values are restored under the names in the file. Formats without
    names, which find leaves by position, are not checked.

    Why: because of one prefix too many, nothing at all is loaded (pytorch/examples#1029,
    keras-team/keras#13744, google/orbax#2561).
    What to do: compare the names in the file and in the target, and raise.
    """
    if profile.domain not in ("list", "tensor"):
        saved = (dense(2, name="first"), dense(2, name="second"))
        for other in (dense(2, name="Second"), LayerSpec("model", inside=(dense(2, name="second"),), name="within")):
            yield from _mismatches(profile, saved, (dense(2, name="first"), other), (), ())
        target = (dense(2, name="first"), dense(2, name="other"))
        yield from _mismatches(profile, saved, target, (_FIRST, _SECOND), (("leaf1", _leaf(1)), ("leaf3", _leaf(2))))


@_mismatch("wrong-shape")
def wrong_shape(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor with different shapes in the file and in the target causes an error or a report.

    It must not be broadcast, reshaped or truncated.

    Why: a kernel of 5 by 5 is loaded into one of 7 by 7 (keras-team/keras#6759), or a row is
    broadcast to a matrix.
    What to do: compare the shapes before copying.
    """
    yield from _mismatches(
        profile, (dense(3), dense(4)), (dense(3), dense(5)), (("leaf1", _leaf(1, (2, 3))),), (("leaf1", _leaf(1, (2, 4))),)
    )
    yield from _mismatches(profile, (dense(1),), (dense(3),), (("leaf1", _leaf(1, (1, 3))),), (("leaf1", _leaf(1, (2, 3))),))
    if _loads_into_models(profile):
        # The same names and the same number of elements.
        yield Mismatch(ModelSpec((LayerSpec("conv1d", 2),), (4, 2)), ModelSpec((dense(2),), (6,), seed=2))
    yield from _mismatches(
        profile, (dense(6), dense(3)), (dense(3), dense(3)), (("leaf1", _leaf(1, (2, 3))),), (("leaf1", _leaf(1, (3, 2))),)
    )


@_mismatch("wrong-dtype")
def wrong_dtype(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor with different dtypes in the file and in the target is not cast silently if values are lost.

    It is correct if the tensor has the dtype of the file, if every value survives the cast, or if
    loading raises or reports.

    Why: values are cast to the dtype of the target without a warning (pytorch/pytorch#187138,
    SlopDotCash/asi#2714, pytorch/pytorch#75214).
    What to do: compare the dtypes before copying.
    """
    for dtype, other in (("float64", "float32"), ("float32", "float16"), ("float32", "float64"), ("float16", "bfloat16")):
        if {dtype, other} <= profile.capabilities.dtypes:
            leaves, others = (("leaf1", _leaf(1, dtype=dtype)),), (("leaf1", _leaf(1, dtype=other)),)
            yield from _mismatches(profile, (dense(2, dtype=dtype),), (dense(2, dtype=other),), leaves, others)
    if profile.template:
        large, small = TensorSpec("int64", (2,), fill=Fill(1, specials=((0, (1 << 53) + 1),))), _leaf(1, dtype="int32")
        if (tree := _tree(profile, (("leaf1", large),))) is not None and (target := _tree(profile, (("leaf1", small),))) is not None:
            yield Mismatch(tree, other_values(target))


@_mismatch("other-order")
def other_order(profile: FormatProfile) -> Iterator[Spec]:
    """Leaves with the same names in another order get their own values.

    Why: a tensor that is found by position gets the value of another one (pytorch/pytorch#1489,
    keras-team/keras#9905, Lightning-AI/pytorch-lightning#17025).
    What to do: find tensors by name.
    """
    if profile.domain not in ("list", "tensor"):
        first, second = dense(2, name="first"), dense(2, name="second")
        yield from _mismatches(profile, (first, second), (second, first), (_FIRST, _SECOND), (_SECOND, _FIRST))


@_mismatch("empty-state", _MODELS)
def empty_state(profile: FormatProfile) -> Iterator[Spec]:
    """The file of a model without parameters is not loaded silently into a model that has some.

    Why: nothing is loaded, and there is no error (deepspeedai/DeepSpeed#7388, pytorch/examples#1029).
    What to do: compare the names in the file and in the model, and raise.
    """
    if profile.model_loading == "into":
        yield Mismatch(ModelSpec((LayerSpec("relu"),), (2,)), ModelSpec((dense(2),), (2,), seed=2))


@_mismatch("64-bit-off", {"features": "64-bit-switch"})
def without_64_bits(profile: FormatProfile) -> Iterator[Spec]:
    """Values of 64 bits that are loaded while 64-bit types are switched off are exact, or cause an error or a warning.

    Why: JAX silently converts them to 32 bits when they are read (jax-ml/jax#17858).
    What to do: compare the dtype of the loaded array with the dtype in the file.
    """
    if profile.domain != "list":
        for dtype, pattern in (("float64", 0x3FB999999999999A), ("int64", (1 << 53) + 1)):
            yield NarrowLoad(profile.tree_of(TensorSpec(dtype, (2,), fill=Fill(1, specials=((0, pattern),)))))


@_mismatch("partial", _MODELS)
def partial(profile: FormatProfile) -> Iterator[Spec]:
    """Loading two layers of one model into another restores these two and changes nothing else.

    Only formats with ``load_partial`` are checked.

    Why: layers that were not requested are also loaded, set to zero or initialized again
    (AI-Hypercomputer/maxtext#4341, huggingface/transformers#46620).
    What to do: load the requested names, and no others.
    """
    if profile.loads_parts:
        saved = ModelSpec((dense(4), dense(3), dense(2)), (2,))
        yield PartialLoad(saved, other_model(saved), ("layer0", "layer1"))
        longer = dataclasses.replace(saved, layers=(dense(4), dense(3), LayerSpec("batch-norm"), dense(5)), seed=9, training=True)
        yield PartialLoad(saved, longer, ("layer0", "layer1"))
        # The same names inside several layers.
        nested = ModelSpec(tuple(LayerSpec("model", inside=(dense(2), dense(2))) for _ in range(3)), (2,))
        yield PartialLoad(nested, other_model(nested), ("layer1",))
