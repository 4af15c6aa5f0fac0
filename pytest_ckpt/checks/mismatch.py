"""The family `mismatch`: a file that does not fit is not loaded quietly, and a part that is asked for is loaded alone."""

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
from .base import Check, FormatProfile, check
from .model import dense

_JUDGES = {"values", "nan-payload", "dtype", "shape", "keys", "flags"}
_MODELS = {"features": "models"}
Leaves = tuple[tuple[str, TensorSpec], ...]


def _mismatch(case: str, needs: dict[str, str] | None = None) -> Callable[[Callable[[FormatProfile], Iterator[Spec]]], Check]:
    return check(f"mismatch/{case}", judges=_JUDGES, needs=needs)


def _misfit(
    asking: FormatProfile, saved: tuple[LayerSpec, ...], target: tuple[LayerSpec, ...], leaves: Leaves, others: Leaves
) -> Iterator[Spec]:
    """The models for a format that loads into one, and the dicts for a format that wants a template."""
    if asking.models == "into" and "models" in asking.capabilities.features:
        yield Mismatch(ModelSpec(saved, (2,)), other_model(ModelSpec(target, (2,))))
    if leaves and asking.template and (tree := _tree(asking, leaves)) is not None and (other := _tree(asking, others)) is not None:
        yield Mismatch(tree, other_values(other))


def _tree(asking: FormatProfile, leaves: Leaves) -> Spec | None:
    """The leaves in the format's domain; None where they cannot be told apart there."""
    if asking.domain == "tensor":
        return leaves[0][1] if len(leaves) == 1 else None
    return ListSpec(tuple(leaf for _, leaf in leaves)) if asking.domain == "list" else DictSpec(leaves)


def _leaf(seed: int, shape: tuple[int, ...] = (2,), dtype: str = "float32") -> TensorSpec:
    return TensorSpec(dtype, shape, fill=Fill(seed))


_FIRST, _SECOND = ("leaf1", _leaf(1)), ("leaf2", _leaf(2))


@_mismatch("missing")
def missing(asking: FormatProfile) -> Iterator[Spec]:
    """What the file has no value for raises, or is reported; it does not keep its random values quietly.

    Why: a model that is half loaded runs and is wrong (huggingface/transformers#38870, AI-Hypercomputer/maxtext#4341,
    pytorch/pytorch#126285, tensorflow/tensorflow#43777).
    What to do: compare the names on both sides, and raise.
    """
    yield from _misfit(asking, (dense(2),), (dense(2), dense(2)), (_FIRST,), (_FIRST, _SECOND))
    yield from _misfit(asking, (dense(2),), (dense(2), LayerSpec("buffer")), (), ())
    yield from _misfit(asking, (dense(2),), (dense(2), LayerSpec("batch-norm")), (("leaf2", _leaf(1)),), (_FIRST, _SECOND))


@_mismatch("extra")
def extra(asking: FormatProfile) -> Iterator[Spec]:
    """What the file has and nobody wants raises, or is reported.

    Why: it is the other half of a name that changed (pytorch/examples#1029, pytorch/pytorch#126881, keras-team/keras#20128).
    What to do: compare the names on both sides, and raise.
    """
    yield from _misfit(asking, (dense(2), dense(2)), (dense(2),), (_FIRST, _SECOND), (_FIRST,))
    yield from _misfit(asking, (dense(2), LayerSpec("buffer")), (dense(2),), (), ())
    yield from _misfit(asking, (dense(2), LayerSpec("batch-norm")), (dense(2),), (_FIRST, _SECOND), (("leaf2", _leaf(1)),))


@_mismatch("renamed")
def renamed(asking: FormatProfile) -> Iterator[Spec]:
    """A name that the file has differently raises, or is reported; or values come back under the names that they were saved with.

    Formats that know leaves by their place and have no names load them there; names then say nothing.

    Why: one prefix too many, and nothing at all is loaded (pytorch/examples#1029, keras-team/keras#13744, google/orbax#2561).
    What to do: compare the names on both sides, and raise.
    """
    if asking.domain not in ("list", "tensor"):
        saved = (dense(2, name="first"), dense(2, name="second"))
        for other in (dense(2, name="Second"), LayerSpec("model", inside=(dense(2, name="second"),), name="within")):
            yield from _misfit(asking, saved, (dense(2, name="first"), other), (), ())
        target = (dense(2, name="first"), dense(2, name="other"))
        yield from _misfit(asking, saved, target, (_FIRST, _SECOND), (("leaf1", _leaf(1)), ("leaf3", _leaf(2))))


@_mismatch("wrong-shape")
def wrong_shape(asking: FormatProfile) -> Iterator[Spec]:
    """A leaf of another shape raises, or is reported; it is neither broadcast, nor reshaped, nor cut.

    Why: a kernel of 5 by 5 goes into one of 7 by 7 (keras-team/keras#6759), a row is broadcast over a matrix.
    What to do: compare shapes before copying.
    """
    yield from _misfit(asking, (dense(3), dense(4)), (dense(3), dense(5)), (("leaf1", _leaf(1, (2, 3))),), (("leaf1", _leaf(1, (2, 4))),))
    yield from _misfit(asking, (dense(1),), (dense(3),), (("leaf1", _leaf(1, (1, 3))),), (("leaf1", _leaf(1, (2, 3))),))
    if asking.models == "into" and "models" in asking.capabilities.features:
        # The same names and the same number of elements.
        yield Mismatch(ModelSpec((LayerSpec("conv1d", 2),), (4, 2)), ModelSpec((dense(2),), (6,), seed=2))
    yield from _misfit(asking, (dense(6), dense(3)), (dense(3), dense(3)), (("leaf1", _leaf(1, (2, 3))),), (("leaf1", _leaf(1, (3, 2))),))


@_mismatch("wrong-dtype")
def wrong_dtype(asking: FormatProfile) -> Iterator[Spec]:
    """A leaf of another dtype keeps its own, or every value survives the cast, or loading raises or reports.

    Why: values are cast to what is there, without a word (pytorch/pytorch#187138, SlopDotCash/asi#2714, pytorch/pytorch#75214).
    What to do: compare dtypes before copying.
    """
    for dtype, other in (("float64", "float32"), ("float32", "float16"), ("float32", "float64"), ("float16", "bfloat16")):
        if {dtype, other} <= asking.capabilities.dtypes:
            leaves, others = (("leaf1", _leaf(1, dtype=dtype)),), (("leaf1", _leaf(1, dtype=other)),)
            yield from _misfit(asking, (dense(2, dtype=dtype),), (dense(2, dtype=other),), leaves, others)
    if asking.template:
        large, small = TensorSpec("int64", (2,), fill=Fill(1, specials=((0, (1 << 53) + 1),))), _leaf(1, dtype="int32")
        if (tree := _tree(asking, (("leaf1", large),))) is not None and (target := _tree(asking, (("leaf1", small),))) is not None:
            yield Mismatch(tree, other_values(target))


@_mismatch("other-order")
def other_order(asking: FormatProfile) -> Iterator[Spec]:
    """Leaves that are the same and stand in another order get each its own value.

    Why: what is paired by place gets its neighbour's value (pytorch/pytorch#1489, keras-team/keras#9905,
    Lightning-AI/pytorch-lightning#17025).
    What to do: pair by name.
    """
    if asking.domain not in ("list", "tensor"):
        first, second = dense(2, name="first"), dense(2, name="second")
        yield from _misfit(asking, (first, second), (second, first), (_FIRST, _SECOND), (_SECOND, _FIRST))


@_mismatch("empty-state", _MODELS)
def empty_state(asking: FormatProfile) -> Iterator[Spec]:
    """A file of a model without parameters is not loaded quietly into one that has some.

    Why: nothing is loaded, and nothing said (deepspeedai/DeepSpeed#7388, pytorch/examples#1029).
    What to do: compare the names on both sides, and raise.
    """
    if asking.models == "into":
        yield Mismatch(ModelSpec((LayerSpec("relu"),), (2,)), ModelSpec((dense(2),), (2,), seed=2))


@_mismatch("64-bit-off", {"features": "64-bit-switch"})
def without_64_bits(asking: FormatProfile) -> Iterator[Spec]:
    """Values of 64 bits that are read where the framework is set to have none come back whole, or with an error or a warning.

    Why: JAX makes 32 bits of them while they are read (jax-ml/jax#17858).
    What to do: compare the dtype of what was read with that in the file.
    """
    if asking.domain != "list":
        for dtype, pattern in (("float64", 0x3FB999999999999A), ("int64", (1 << 53) + 1)):
            yield NarrowLoad(asking.carry(TensorSpec(dtype, (2,), fill=Fill(1, specials=((0, pattern),)))))


@_mismatch("partial", _MODELS)
def partial(asking: FormatProfile) -> Iterator[Spec]:
    """The first two layers of one network are loaded into another: exactly these come back, and nothing else changes.

    Asked of formats with ``load_partial``.

    Why: what was not asked for is loaded as well, zeroed or drawn anew (AI-Hypercomputer/maxtext#4341,
    huggingface/transformers#46620).
    What to do: go by the names that were asked for, and by no other.
    """
    if asking.partial:
        saved = ModelSpec((dense(4), dense(3), dense(2)), (2,))
        yield PartialLoad(saved, other_model(saved), ("layer0", "layer1"))
        longer = dataclasses.replace(saved, layers=(dense(4), dense(3), LayerSpec("batch-norm"), dense(5)), seed=9, training=True)
        yield PartialLoad(saved, longer, ("layer0", "layer1"))
        # The same names within several layers.
        nested = ModelSpec(tuple(LayerSpec("model", inside=(dense(2), dense(2))) for _ in range(3)), (2,))
        yield PartialLoad(nested, other_model(nested), ("layer1",))
