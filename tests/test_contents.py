"""Objects that are neither tensors nor plain containers are compared by the state that pickle would
write.
"""

from __future__ import annotations

import array
import collections
import copy
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import pickle
import random
import types
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import differences
from pytest_ckpt.compare.tensors import same_object


class Plain:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("unset", "value")

    def __init__(self, value: Any) -> None:
        self.value = value


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    pass


class Table(dict[str, Any]):
    pass


class Hostile:
    """An object whose == and repr raise."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def _with(value: Any, **attributes: Any) -> Any:
    value.__dict__.update(attributes)
    return value


NAN = float("nan")
ZONE = datetime.timezone(datetime.timedelta(hours=1))

KEPT: dict[str, Any] = {
    "slots": Slotted(3),
    "generator": np.random.default_rng(1),
    "random state": np.random.RandomState(1),
    "random": random.Random(1),
    "set of nan": {NAN, 1},
    "nan key": {NAN: 1},
    "nan in a key": {(NAN, 1): 2},
    "decimal nan": decimal.Decimal("NaN"),
    "array": array.array("d", [NAN]),
    "namespace": types.SimpleNamespace(a=NAN, b=np.ones(2)),
    "longlong": np.longlong(3),
    "enum": [Color.RED, Number.ONE],
    "text": Text("x"),
    "fraction": fractions.Fraction(1, 3),
    "path": pathlib.Path("a"),
    "datetime": datetime.datetime(2020, 1, 1, fold=1, tzinfo=ZONE),
    "range": range(3),
    "slice": slice(1, 2),
    "counter": collections.Counter("aab"),
    "deque": collections.deque([1], 3),
    "default": collections.defaultdict(list, a=1),
    "complex": -0j,
    "bytes": bytearray(b"x"),
    "function": len,
    "class": Plain,
    "partial": functools.partial(int, base=3),
    "exception": ValueError(1, "a"),
    "dtype": np.dtype("f4"),
    "user dict": collections.UserDict(a=np.ones(2)),
    "user list": collections.UserList([1]),
    "chain": collections.ChainMap({"a": 1}),
    "objects": np.array(["a", None, [1, np.ones(2)], NAN], dtype=object),
    "ellipsis": ...,
    "masked": [np.ma.masked],
    "long text": np.array("x" * 40_000),
    "record": np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
    "subclass": Table(a=1),
    "attributes": _with(Table(a=1), version=2),
    "metadata": _with(collections.OrderedDict(a=1), _metadata={"v": 1}),
}

CHANGED: dict[str, tuple[Any, Any]] = {
    "random": (random.Random(1), random.Random(2)),
    "partial": (functools.partial(int, base=3), functools.partial(int, base=4)),
    "exception": (ValueError(1), ValueError(2)),
    "bool in a set": ({1}, {True}),
    "zero in a set": ({0.0}, {-0.0}),
    "digits": (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    "sign": (decimal.Decimal("0"), decimal.Decimal("-0")),
    "fold": (datetime.datetime(2020, 1, 1, fold=1), datetime.datetime(2020, 1, 1)),
    "factory": (collections.defaultdict(int), collections.defaultdict(list)),
    "zone": (datetime.datetime(2020, 1, 1, 1, tzinfo=ZONE), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)),
    "maxlen": (collections.deque([1], 3), collections.deque([1], 4)),
    "text key": ({np.str_("a"): 1}, {"a": 1}),
    "key": ({"a": 1}, {np.str_("a"): 1}),
    "enum key": ({1: 1}, {Number.ONE: 1}),
    "inside a key": ({(1,): 1}, {(True,): 1}),
    "zero key": ({0.0: 1}, {-0.0: 1}),
    "last of a long text": (np.array("x" * 39_999 + "y"), np.array("x" * 40_000)),
    "slots": (Slotted(1), Slotted(2)),
    "subclass": (Table(a=1), {"a": 1}),
    "enum": (Color.RED, Color.BLUE),
    "function": (len, max),
    "hostile": (Hostile(), 1),
    "in an object array": (np.array([1, [1]], dtype=object), np.array([1, [True]], dtype=object)),
    "zero": (Plain(a=0.0), Plain(a=-0.0)),
    "attribute lost": (Table(a=1), _with(Table(a=1), version=2)),
    "attribute": (_with(Table(a=1), version=1), _with(Table(a=1), version=2)),
    "metadata": (collections.OrderedDict(a=1), _with(collections.OrderedDict(a=1), _metadata={"v": 1})),
}


@pytest.mark.parametrize("name", KEPT)
def test_copy_has_no_differences(name: str) -> None:
    for twin in (pickle.loads(pickle.dumps(KEPT[name])), copy.deepcopy(KEPT[name])):
        assert differences(twin, KEPT[name]) == []


@pytest.mark.parametrize("name", CHANGED)
def test_distinguishable_objects_differ(name: str) -> None:
    actual, expected = CHANGED[name]
    assert differences(actual, expected)
    assert differences(expected, actual)


def test_compares_cyclic_and_deep_objects() -> None:
    first, second = Plain(), Plain()
    first.me, second.me = first, second
    assert differences(first, second) == []

    def chain(value: int) -> Plain:
        node = Plain(value=value)
        for _ in range(3000):
            node = Plain(next=node)
        return node

    assert differences(chain(1), chain(1)) == []
    assert len(differences(chain(1), chain(2))) == 1
    own, other = np.empty(1, object), np.empty(1, object)
    own[0], other[0] = own, other
    assert differences(own, other) == []


def test_contents_of_objects_have_paths_and_can_be_ignored() -> None:
    actual, expected = Plain(a={"b": 1, "a": np.ones(2)}), Plain(a={"a": np.zeros(2), "b": 1})
    assert [(each.path, each.aspect) for each in differences(actual, expected)] == [(".a", "order"), (".a['a']", "values")]
    assert differences(actual, expected, ignore=["order", "values"]) == []


def test_tensor_shared_by_objects_is_compared() -> None:
    weight = np.ones(3)
    tied, separate = [Plain(w=weight), Plain(w=weight)], [Plain(w=weight.copy()), Plain(w=weight.copy())]
    assert [each.aspect for each in differences(separate, tied)] == ["alias"]
    assert differences(copy.deepcopy(tied), tied) == []


def test_temporary_arrays_are_not_shared_memory() -> None:
    class Copying(collections.UserDict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return super().__getitem__(key).copy()

    arrays = {str(number): np.full(3, number) for number in range(20)}
    assert differences(Copying(arrays), Copying(arrays)) == []
    found = differences([np.float64(n) for n in range(10)], [np.array(float(n)) for n in range(10)])
    assert [each.aspect for each in found] == ["kind"] * 10


def test_comparison_time_is_not_quadratic() -> None:
    """Each of these takes minutes in an implementation with quadratic time."""
    assert differences(list(range(200_000)), list(range(200_000))) == []
    assert differences({n: n for n in range(100_000)}, {n: n for n in range(100_000)}) == []
    weight = np.ones(2)
    assert differences([weight] * 20_000, [weight.copy()] * 20_000) == []


def test_same_object_finds_shared_parts() -> None:
    state = Plain(values=[1, 2], weight=np.ones(2))
    tree = {"state": state, "color": Color.RED, "kind": np.dtype("f4"), "function": len, "name": "a"}
    assert same_object(tree, tree)
    assert same_object(dict(tree), tree)
    assert same_object([state.weight[:1]], tree)
    assert not same_object(copy.deepcopy(tree), tree)
    assert not same_object({"color": Color.RED, "kind": np.dtype("f4"), "function": len, "name": "a"}, tree)
