"""Strategies draw everything that is legal, respect each keyword, and shrink to the simplest example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from pytest_ckpt import strategies
from pytest_ckpt.backends import get_backend
from pytest_ckpt.backends.numpy_dtypes import numpy_dtype
from pytest_ckpt.backends.tree_builder import build_tree
from pytest_ckpt.compare.trees import differences
from pytest_ckpt.runner.exploration import explore
from pytest_ckpt.specs import (
    DTYPES,
    DataclassSpec,
    DictSpec,
    Fill,
    ListSpec,
    NamedTupleSpec,
    PlainSpec,
    SameAs,
    TensorSpec,
    TupleSpec,
    layouts_of,
    payload_of,
    tensor_specs_in,
    walk,
)

from .conftest import BACKENDS


def _drawn(strategy: Any, count: int = 1000, seed: int = 0) -> list[Any]:
    seen: list[Any] = []
    explore(strategy, seen.append, count=count, seed=seed, seconds=600)
    return seen


def _is_special(reading: Any) -> bool:
    """Whether a tensor holds a NaN or a negative zero."""
    row, own = DTYPES.get(reading.dtype), numpy_dtype(reading.dtype) if reading.dtype in DTYPES else None
    if row is None or row.float is None or own is None or reading.words.size == 0:
        return False
    with np.errstate(all="ignore"):
        numbers = np.ascontiguousarray(reading.words).reshape(-1).view(own).astype(np.complex128)
    parts = np.stack([numbers.real, numbers.imag])
    return bool((np.isnan(parts) | ((parts == 0) & np.signbit(parts))).any())


@pytest.mark.parametrize("name", BACKENDS)
def test_thousand_tensors_cover_every_dtype_layout_and_shape(name: str) -> None:
    backend = get_backend(name)
    with backend.scope():
        specs = _drawn(strategies.tensor_specs(name))
        readings = [backend.read(backend.build(spec)) for spec in specs]
        possible = set(backend.dtypes())
    assert len(specs) == 1000
    assert {spec.dtype for spec in specs} == possible
    assert {spec.layout for spec in specs} == set(layouts_of(name))
    assert () in {spec.shape for spec in specs}
    assert sum(0 in spec.shape for spec in specs) > 10
    assert max(len(spec.shape) for spec in specs) > 4
    assert sum(map(_is_special, readings)) >= 50, "at least one in twenty holds a NaN or a negative zero"
    if name in ("numpy", "torch"):
        scattered = [r for r in readings if r.strides is not None and r.strides != _c_strides(r.shape) and 0 not in r.shape]
        assert len(scattered) >= 250, "at least one in four is not C-contiguous"


def _c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape)))


@pytest.mark.parametrize("name", BACKENDS)
def test_drawn_tree_is_built_the_same_twice(name: str) -> None:
    backend = get_backend(name)
    with backend.scope():
        for spec in _drawn(strategies.tree_specs(name), 200):
            assert differences(build_tree(spec, backend), build_tree(spec, backend)) == []


def test_trees_cover_every_container_plain_leaf_and_alias() -> None:
    nodes = [node for spec in _drawn(strategies.tree_specs("numpy"), 600) for node in walk(spec)]
    kinds = Counter(type(node) for node in nodes)
    for kind in (DictSpec, ListSpec, TupleSpec, NamedTupleSpec, DataclassSpec, PlainSpec, SameAs, TensorSpec):
        assert kinds[kind] > 10, kind
    assert {type(node.value) for node in nodes if isinstance(node, PlainSpec)} == {type(None), bool, int, float, str, bytes}
    assert any(node.ordered for node in nodes if isinstance(node, DictSpec))
    assert any(isinstance(node, DictSpec) and not node.items for node in nodes)


def test_each_keyword_narrows_what_is_drawn() -> None:
    narrow = strategies.tensor_specs(
        "numpy", dtypes=["int8", "bool"], shapes=[(2,), (3, 2)], layouts=["c", "fortran"], special_values=False
    )
    for spec in _drawn(narrow, 200):
        assert spec.dtype in ("int8", "bool")
        assert spec.shape in ((2,), (3, 2))
        assert spec.layout in ("c", "fortran")
        assert spec.fill == Fill(spec.fill.seed)
    for spec in _drawn(strategies.tensor_specs("numpy", max_bytes=16), 200):
        assert spec.payload <= 16 or spec.shape == ()
    for spec in _drawn(strategies.tree_specs("numpy", containers=["list"], plain_leaves=False, aliases=False, max_bytes=64), 200):
        assert {type(node) for node in walk(spec)} <= {ListSpec, TensorSpec}
        assert payload_of(spec) <= 64 or any(tensor.shape == () for tensor in tensor_specs_in(spec))
    for spec in _drawn(strategies.dict_specs("numpy", keys=["w", 3], min_size=1), 100):
        assert {key for key, _ in spec.items} <= {"w", 3}
    assert {len(spec.items) for spec in _drawn(strategies.list_specs("numpy", min_size=2, max_size=3), 50)} == {2, 3}


def _smallest(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool] = bool) -> Any:
    """Return the value to which Hypothesis shrinks, without its explanation, which takes most of the time."""
    return find(strategy, condition, settings=settings(phases=[Phase.generate, Phase.shrink], max_examples=2000, database=None))


def test_specs_shrink_to_one_element_of_zero() -> None:
    assert _smallest(strategies.tensor_specs("numpy")) == TensorSpec("float32", (1,))
    assert _smallest(strategies.tensor_specs("numpy"), lambda spec: len(spec.shape) == 2) == TensorSpec("float32", (1, 1))
    found = _smallest(strategies.tensor_specs("numpy"), lambda spec: spec.layout == "fortran" and spec.size > 1)
    assert found.size == 2
    assert found.fill == Fill()
    assert _smallest(strategies.tree_specs("numpy"), lambda spec: bool(tensor_specs_in(spec))) in (
        DictSpec((("a", TensorSpec("float32", (1,))),)),
        ListSpec((TensorSpec("float32", (1,)),)),
    )


@pytest.mark.parametrize("name", BACKENDS)
def test_objects_respect_the_settings_of_the_process(name: str) -> None:
    backend = get_backend(name)
    seen: list[Any] = []

    @settings(max_examples=25, database=None, deadline=None)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        own = strategies.BackendStrategies(name)
        tensor = data.draw(own.tensors(dtypes=["float32"], shapes=[(2,)]))
        assert backend.read(tensor).dtype == "float32"
        seen.append(tensor)
        assert type(data.draw(own.lists(dtypes=["float32"], shapes=[(2,)]))) is list
        assert type(data.draw(own.dicts(dtypes=["float32"], shapes=[(2,)]))) is dict
        data.draw(own.trees(dtypes=["float32"], shapes=[(2,)]))

    run()
    assert seen
    if name == "jax":
        drawn = {spec.dtype for spec in _drawn(strategies.tensor_specs("jax"), 300)}
        assert "float64" not in drawn
        with backend.scope():
            assert "float64" in {spec.dtype for spec in _drawn(strategies.tensor_specs("jax"), 300)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: strategies.tensors("numpi"), "did you mean 'numpy'"),
        (lambda: strategies.tensor_specs("numpy", dtypes=["flot32"]), "did you mean 'float32'"),
        (lambda: strategies.tensor_specs("numpy", layouts=["fortan"]), "did you mean 'fortran'"),
        (lambda: strategies.tensor_specs("numpy", dtypes=[]), "no dtype is left"),
        (lambda: strategies.tree_specs("numpy", containers=["lists"]), "did you mean 'list'"),
        (lambda: strategies.dict_specs("numpy", keys=[]), "no key is left"),
        (lambda: strategies.BackendStrategies("numpy").tensor(), "did you mean 'tensors'"),
        (lambda: find(strategies.tensor_specs("numpy", dtypes=["qint8"]), lambda spec: True), "none of the dtypes"),
    ],
)
def test_unknown_name_is_an_error_with_the_nearest(make: Any, message: str) -> None:
    with pytest.raises((ValueError, AttributeError), match=message):
        make()
