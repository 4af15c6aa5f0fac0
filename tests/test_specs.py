"""Specs are values: their repr evaluates, and they can be compared, hashed, pickled, and converted to JSON and back."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings

from pytest_ckpt import specs, strategies
from pytest_ckpt.backends import get_backend
from pytest_ckpt.backends.spec_values import logical_words, words
from pytest_ckpt.backends.tree_builder import build_tree
from pytest_ckpt.compare.trees import differences
from pytest_ckpt.specs import (
    DTYPES,
    Deep,
    DictSpec,
    Fill,
    LayerSpec,
    ListSpec,
    LoadInto,
    Mismatch,
    ModelSpec,
    NarrowLoad,
    PartialLoad,
    PlainSpec,
    SameAs,
    ScalarSpec,
    Spec,
    TensorSpec,
    TrainingSpec,
    ViewOf,
    Wide,
    from_json,
    is_nan,
    nan_patterns,
    to_json,
)

SPECS: list[Spec] = [
    TensorSpec("float32", (2, 2), layout="fortran", fill=Fill(3, "any", ((0, 1 << 31),)), traits=("subclass",)),
    DictSpec(
        (("a", ListSpec((TensorSpec("int8", ()), SameAs(0), ViewOf(0, 0, 1)))), (1, PlainSpec(b"\xff")), ("", Wide(3, PlainSpec(None))))
    ),
    *(
        PlainSpec(value)
        for value in (None, True, 1, 1.0, -0.0, 0.0, float("nan"), -float("nan"), float("-inf"), 1 << 200, "é\ud800", b"\0")
    ),
    Deep(1000, ScalarSpec("float16", 0x7C00), container="list"),
    ModelSpec(
        (LayerSpec("dense", 3, dtype="float64"), LayerSpec("list", inside=(LayerSpec("relu"),)), LayerSpec("dense", 2)), (4,), seed=9
    ),
    LoadInto(ModelSpec((LayerSpec("dense", 2),), (2,)), ModelSpec((LayerSpec("dense", 2),), (2,), training=True, fresh=True)),
    Mismatch(ModelSpec((LayerSpec("lstm", 2, depth=2, both_ways=True),), (4, 2)), DictSpec((("a", TensorSpec("float32", (2,))),))),
    PartialLoad(
        ModelSpec((LayerSpec("dense", 2),), (2,)), ModelSpec((LayerSpec("dropout", setting=0.25), LayerSpec("dense", 2)), (2,)), ("a",)
    ),
    NarrowLoad(TensorSpec("int64", ())),
    TrainingSpec(ModelSpec((LayerSpec("dense", 2),), (2,)), "adam", "cosine", groups=2, noise=True, seed=5),
]


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
def test_spec_round_trips_through_repr_json_and_pickle(spec: Spec) -> None:
    assert eval(repr(spec), vars(specs).copy()) == spec
    assert from_json(json.loads(json.dumps(to_json(spec)))) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert len({spec, pickle.loads(pickle.dumps(spec))}) == 1


def test_values_equal_in_python_give_different_specs() -> None:
    assert len({PlainSpec(value) for value in (True, 1, 1.0)}) == 3
    assert PlainSpec(0.0) != PlainSpec(-0.0)
    assert PlainSpec(float("nan")) == PlainSpec(float("nan"))
    assert DictSpec(((1, PlainSpec(0)),)) != DictSpec(((True, PlainSpec(0)),))


@settings(max_examples=200)
@given(strategies.tree_specs("numpy"))
def test_drawn_specs_round_trip_and_build_the_same_bits(spec: Spec) -> None:
    again = eval(repr(spec), vars(specs).copy())
    assert again == spec == from_json(json.loads(json.dumps(to_json(spec))))
    backend = get_backend("numpy")
    assert differences(build_tree(spec, backend), build_tree(again, backend)) == []


def test_nesting_deeper_than_fifty_raises() -> None:
    spec: Spec = PlainSpec(0)
    for _ in range(50):
        spec = ListSpec((spec,))
    with pytest.raises(ValueError, match="Deep"):
        ListSpec((spec,))


def test_deep_and_wide_trees_are_built_without_recursion() -> None:
    backend = get_backend("numpy")
    tree = build_tree(Deep(5000, PlainSpec(7)), backend)
    for _ in range(5000):
        tree = tree["a"]
    assert tree == 7
    assert len(build_tree(Wide(100_000, PlainSpec(None), container="list"), backend)) == 100_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TensorSpec("flaot32", (2,)), "did you mean 'float32'"),
        (lambda: TensorSpec("float32", (2,), layout="fortan"), "did you mean 'fortran'"),
        (lambda: TensorSpec("float32", (2,), layout="fortran"), "at least 2 dimension"),
        (lambda: TensorSpec("float32", (-1,)), "at least 0"),
        (lambda: TensorSpec("float32", [2]), "tuple"),
        (lambda: TensorSpec("int8", (2,), traits=("grad",)), "unknown trait"),
        (lambda: Fill(span="all"), "unknown span"),
        (lambda: Fill(seed=-1), "seed"),
        (lambda: DictSpec((("a", PlainSpec(0)), ("a", PlainSpec(1)))), "keys of a dict must differ"),
        (lambda: Deep(2, PlainSpec(0), container="set"), "unknown container"),
        (lambda: from_json({"spec": "Nothing"}), "not a spec"),
    ],
)
def test_invalid_spec_raises_with_possible_values(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_containers_and_plain_leaves_check_types() -> None:
    with pytest.raises(TypeError, match="plain leaf"):
        PlainSpec([1])
    with pytest.raises(TypeError, match="contains specs"):
        ListSpec((1,))  # type: ignore[arg-type]


def test_generator_gives_the_same_words_on_every_machine() -> None:
    assert words("uint64", (3,), Fill(1, "any")).tolist() == [13810761654074628661, 15286609552136564448, 15032472601440005348]
    assert [hex(word) for word in words("float32", (3,), Fill(7)).tolist()] == ["0xc17d956c", "0xbe087d3a", "0x3e96a29e"]
    assert words("int8", (2, 2), Fill(0)).tolist() == [[0, 0], [0, 0]]


def test_element_depends_only_on_its_index() -> None:
    assert words("int32", (4, 5), Fill(9)).reshape(-1)[:7].tolist() == words("int32", (7,), Fill(9)).tolist()


@pytest.mark.parametrize("name", [name for name, row in DTYPES.items() if row.float is not None and row.kind == "float"])
def test_float_table_agrees_with_numpy_and_ml_dtypes(name: str) -> None:
    """A NaN of the table is a NaN in NumPy, and ordinary values are finite and not zero."""
    from pytest_ckpt.backends.numpy_dtypes import numpy_dtype

    own, row = numpy_dtype(name), DTYPES[name]
    if own is None or row.float is None:
        assert name not in get_backend("numpy").dtypes()
        return
    for pattern in specs.special_patterns(name):
        value = words(name, (1,), Fill(specials=((0, pattern),))).reshape(-1).view(own)
        with np.errstate(invalid="ignore"):  # NumPy warns when it converts a signaling NaN
            assert bool(np.isnan(value.astype(np.longdouble))[0]) == is_nan(row.float, pattern), hex(pattern)
    ordinary = words(name, (1000,), Fill(5)).reshape(-1).view(own).astype(np.longdouble)
    assert np.isfinite(ordinary).all()
    assert (ordinary != 0).all() or row.bits < 8


def test_broadcast_tensor_repeats_its_first_block() -> None:
    shown = logical_words(TensorSpec("int32", (3, 2), "broadcast", Fill(1)))
    assert (shown == shown[0]).all()
    assert nan_patterns("int8") == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerSpec("dens", 2), "did you mean 'dense'"),
        (lambda: LayerSpec("dense"), "needs a size"),
        (lambda: LayerSpec("relu", 2), "takes no size"),
        (lambda: LayerSpec("list"), "needs inside"),
        (lambda: LayerSpec("again"), "needs of"),
        (lambda: LayerSpec("dense", 2, setting=1.0), "has no setting"),
        (lambda: LayerSpec("dense", 2, depth=2), "has neither depth"),
        (lambda: LayerSpec("conv2d", 2, dtype="float64"), "must be float32"),
        (lambda: ModelSpec((LayerSpec("conv2d", 2),), (4, 2)), "must have 3 dimension"),
        (lambda: ModelSpec((LayerSpec("attention"),), (4, 3)), "even number of channels"),
        (lambda: ModelSpec((LayerSpec("dense", 2), LayerSpec("embedding", 2)), (3,)), "first layer"),
        (lambda: ModelSpec((LayerSpec("max-pool"),), (1, 2)), "pooling halves"),
        (lambda: ModelSpec((LayerSpec("dense", 3), LayerSpec("again", of=0)), (2,)), "needs an input of the same shape"),
        (lambda: ModelSpec((LayerSpec("again", of=3),), (2,)), "the index of an earlier layer"),
        (lambda: ModelSpec((LayerSpec("dense", 3), LayerSpec("tied", 2, of=0)), (2,)), "needs a dense float32 layer"),
        (lambda: ModelSpec((LayerSpec("residual", inside=(LayerSpec("dense", 3),)),), (2,)), "must return the shape"),
        (lambda: ModelSpec((LayerSpec("dense", 2, name="a"), LayerSpec("dense", 2, name="a")), (2,)), "must have different names"),
        (lambda: ModelSpec((), (2,)), "at least one layer"),
        (lambda: ModelSpec((LayerSpec("dense", 2),), (0,)), "positive ints"),
        (lambda: TrainingSpec(ModelSpec((LayerSpec("dense", 2),), (2,)), "adan"), "did you mean 'adam'"),
        (lambda: TrainingSpec(ModelSpec((LayerSpec("dense", 2),), (2,)), schedule="cosin"), "did you mean 'cosine'"),
        (lambda: TrainingSpec(ModelSpec((LayerSpec("dense", 2),), (2,)), groups=0), "groups must be at least 1"),
    ],
)
def test_invalid_model_or_run_raises_with_reason(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_layers_are_named_by_position_or_explicitly() -> None:
    inner = LayerSpec("dict", inside=(LayerSpec("dense", 2), LayerSpec("list", inside=(LayerSpec("dense", 2),), name="z")))
    spec = ModelSpec((LayerSpec("dense", 2, name="first"), inner, LayerSpec("again", of=2)), (2,))
    names = [here.name for here in spec.all_layers()]
    assert names == ["first", "layer1", "layer1.a", "layer1.z", "layer1.z.0", "layer2"]
