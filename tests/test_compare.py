"""Comparing two trees finds every kind of difference, with its path, and no others."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import assert_identical, differences
from pytest_ckpt.backends import get_backend
from pytest_ckpt.backends.tree_builder import build_tree
from pytest_ckpt.specs import DTYPES, Deep, Fill, Pair, Record, TensorSpec, Wide, special_patterns
from pytest_ckpt.verdicts import ASPECTS

from .conftest import BACKENDS

ONE = np.arange(6.0).reshape(2, 3)


def _changed(place: tuple[int, ...], value: float) -> Any:
    array = ONE.copy()
    array[place] = value
    return array


@dataclasses.dataclass
class Plain:
    value: int


class Opaque:
    def __init__(self, value: Any) -> None:
        self.value = value


CASES = {
    "value": (_changed((1, 2), 7.0), ONE, "values"),
    "negative zero": (np.array([-0.0]), np.array([0.0]), "values"),
    "subnormal": (np.array([5e-324]), np.array([0.0]), "values"),
    "nan that became a number": (np.array([0.0]), np.array([np.nan]), "values"),
    "payload": (np.array([0x7FC00001], np.uint32).view("f4"), np.array([0x7FC00000], np.uint32).view("f4"), "nan-payload"),
    "half of a complex": (np.array([1 + 2j]), np.array([1 - 2j]), "values"),
    "dtype": (ONE.astype("f4"), ONE, "dtype"),
    "shape": (ONE.reshape(3, 2), ONE, "shape"),
    "scalar made a vector": (np.ones(1), np.ones(()), "shape"),
    "subclass": (ONE.view(np.matrix), ONE, "kind"),
    "scalar for an array": (np.float64(1), np.ones(()), "kind"),
    "list for an array": ([1.0], np.ones(1), "kind"),
    "byte order": (ONE.astype(">f8"), ONE, "flags"),
    "order of memory": (np.asfortranarray(ONE), ONE, "strides"),
    "tuple for list": ((1,), [1], "container"),
    "bool for int": (True, 1, "container"),
    "numpy scalar for int": (np.int64(1), 1, "container"),
    "ordered dict": (collections.OrderedDict(a=1), {"a": 1}, "container"),
    "tuple for named tuple": ((1, 2), Pair(1, 2), "container"),
    "dict for dataclass": ({"first": 1, "second": 2}, Record(1, 2), "container"),
    "int": (1, 2, "values"),
    "float": (-0.0, 0.0, "values"),
    "text": ("a", "b", "values"),
    "attribute": (Opaque(1), Opaque(2), "values"),
    "field": (Plain(1), Plain(2), "values"),
    "structured field": (np.array([(1, 2)], "i4,i4"), np.array([(1, 3)], "i4,i4"), "values"),
    "object": (np.array([None, {"a": 1}]), np.array([None, {"a": 2}]), "values"),
    "missing": ({}, {"a": 1}, "keys"),
    "extra": ({"a": 1}, {}, "keys"),
    "shorter": ([1], [1, 2], "keys"),
    "key of another type": ({1: 0}, {True: 0}, "keys"),
    "text for int key": ({"1": 0}, {1: 0}, "keys"),
    "order of keys": ({"b": 1, "a": 2}, {"a": 2, "b": 1}, "order"),
}


@pytest.mark.parametrize(("actual", "expected", "aspect"), CASES.values(), ids=CASES)
def test_difference_has_aspect_and_path(actual: Any, expected: Any, aspect: str) -> None:
    found = differences({"x": [actual]}, {"x": [expected]})
    assert aspect in {difference.aspect for difference in found}
    assert all(difference.path.startswith("['x'][0]") for difference in found)
    assert differences({"x": [expected]}, {"x": [expected]}) == []
    assert aspect not in {difference.aspect for difference in differences(actual, expected, ignore=[aspect])}


def test_cases_cover_every_aspect_except_alias() -> None:
    assert {aspect for _, _, aspect in CASES.values()} == set(ASPECTS) - {"alias"}


def test_difference_shows_bits_and_numbers() -> None:
    (found,) = differences({"w": _changed((1, 2), -0.0)}, {"w": ONE})
    assert (found.path, found.count, found.total) == ("['w']", 1, 6)
    assert found.elements == ("[1, 2] expected 0x4014000000000000 (5.0), got 0x8000000000000000 (-0.0)",)
    with pytest.raises(AssertionError, match=r"\['w'\]: values.*1 of 6 elements differ"):
        assert_identical({"w": _changed((1, 2), -0.0)}, {"w": ONE})


def test_padding_does_not_count() -> None:
    first, second = np.zeros(3, np.longdouble), np.zeros(3, np.longdouble)
    first.view(np.uint8)[10:16] = 0xAB
    assert differences(first, second) == []
    aligned = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    first, second = np.zeros(2, aligned), np.zeros(2, aligned)
    first.view(np.uint8)[1:8] = 0xAB
    assert differences(first, second) == []
    row = DTYPES["int4"]
    from pytest_ckpt.compare.elements import equal

    assert equal(np.array([0xF3], np.uint8), np.array([0x03], np.uint8), row)
    assert not equal(np.array([0xF3], np.uint8), np.array([0x04], np.uint8), row)


def test_lost_or_new_shared_memory_is_a_difference() -> None:
    base = np.arange(4.0)
    lost = differences([base, base.copy()], [base, base])
    assert [difference.aspect for difference in lost] == ["alias"]
    invented = differences([base, base[1:]], [base.copy(), base[1:].copy()])
    assert [difference.aspect for difference in invented] == ["alias"]
    columns = np.arange(6.0).reshape(3, 2)
    separate = [columns[:, 0].copy(), columns[:, 1].copy()]
    assert differences([columns[:, 0], columns[:, 1]], separate, ignore=["strides"]) == []
    assert differences([np.empty(0), np.empty(0)], [np.empty(0), np.empty(0)]) == []


def test_cycles_and_shared_containers_terminate() -> None:
    first: dict[str, Any] = {"a": ONE}
    second: dict[str, Any] = {"a": ONE}
    first["self"], second["self"] = first, second
    assert differences(first, second) == []
    shared = [ONE]
    for _ in range(200):
        shared = [shared, shared]
    assert differences(shared, shared) == []


@pytest.mark.parametrize("name", BACKENDS)
def test_compares_deep_and_wide_trees(name: str) -> None:
    backend = get_backend(name)
    leaf = TensorSpec("float32", (2,), fill=Fill(1))
    for spec in (Deep(1000, leaf), Deep(1000, leaf, container="list"), Wide(2000, leaf)):
        assert differences(build_tree(spec, backend), build_tree(spec, backend)) == []
    found = differences(build_tree(Deep(1000, TensorSpec("float32", (2,))), backend), build_tree(Deep(1000, leaf), backend))
    assert [difference.aspect for difference in found] == ["values"]


def test_finds_one_changed_leaf_of_many() -> None:
    backend = get_backend("numpy")
    spec = Wide(10_000, TensorSpec("float32", (1,), fill=Fill(1)))
    actual = build_tree(spec, backend)
    actual["7777"][0] += 1
    assert [difference.path for difference in differences(actual, build_tree(spec, backend))] == ["['7777']"]


def test_counts_differences_across_blocks() -> None:
    first = np.zeros((1000, 300), np.int16)
    second = first.copy()
    second[::2, 5] = 1
    for actual in (second, np.asfortranarray(second)):
        (found,) = differences(actual, first, ignore=["strides"])
        assert (found.count, found.total) == (500, 300_000)
        assert found.elements[1].startswith("[2, 5]")


@pytest.mark.parametrize("name", BACKENDS)
def test_finds_one_changed_element_of_every_dtype(name: str) -> None:
    backend = get_backend(name)
    with backend.scope():
        for dtype in backend.dtypes():
            pattern = special_patterns(dtype)[-1] or 1
            one = TensorSpec(dtype, (2, 3), fill=Fill(specials=((4, pattern),)))
            zero = TensorSpec(dtype, (2, 3))
            assert differences(backend.build(one), backend.build(one)) == [], dtype
            found = differences(backend.build(one), backend.build(zero))
            # The pattern may stand for an object of another type.
            assert {difference.aspect for difference in found} <= {"values", "nan-payload"} | (
                {"container"} if dtype == "object" else set()
            )
            assert found, dtype


def test_unknown_aspect_raises_with_nearest_name() -> None:
    with pytest.raises(ValueError, match="did you mean 'strides'"):
        differences(1, 1, ignore=["stride"])
