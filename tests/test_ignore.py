"""`ignore=` leaves out aspects and paths, and no value that is lost."""

from __future__ import annotations

import collections
import enum
import pathlib
import pickle
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import assert_identical, assert_roundtrip, differences
from pytest_ckpt.backends import get_backend
from pytest_ckpt.specs import Fill, TensorSpec

from .conftest import BACKENDS

Point = collections.namedtuple("Point", ["x", "y"])


class Level(enum.Enum):
    HIGH = "high"


#: An ignored aspect, the expected value, the same value in another form, and another value in that form.
FORMS: dict[str, tuple[str, Any, Any, Any]] = {
    "narrower float": ("dtype", np.array([0.5, np.nan]), np.array([0.5, np.nan], "f4"), np.array([0.1, np.nan], "f4")),
    "rounded float": ("dtype", np.array([1 / 3]), np.array([1 / 3]), np.array([1 / 3], "f4")),
    "zero without sign": ("dtype", np.array([-0.0]), np.array([-0.0], "f4"), np.array([0])),
    "overflowing integer": ("dtype", np.array([2**31 - 1]), np.array([2**31 - 1], "i4"), np.array([2**31], "i8").astype("i4")),
    "signed for unsigned": ("dtype", np.array([2**63], "u8"), np.array([2.0**63]), np.array([2**63], "u8").view("i8")),
    "integer as a float": ("dtype", np.array([2**53]), np.array([2.0**53]), np.array([2.0**53 + 2])),
    "integer that no float holds": ("dtype", np.array([2**53 + 1]), np.array([2**53 + 1], "u8"), np.array([2.0**53])),
    "real for complex": ("dtype", np.array([1 + 0j]), np.array([1.0]), np.array([2.0])),
    "lost imaginary part": ("dtype", np.array([1 + 2j]), np.array([1 + 2j], "c8"), np.array([1.0])),
    "bool": ("dtype", np.array([True, False]), np.array([1, 0]), np.array([1, 1])),
    "shorter text": ("dtype", np.array(["abc"]), np.array(["abc"], "U9"), np.array(["abc"], "U2")),
    "bytes for text": ("dtype", np.array(["é"]), np.array(["é".encode()]), np.array([b"e"])),
    "unit of time": ("dtype", np.array(["2020"], "M8[s]"), np.array(["2020"], "M8[ns]"), np.array(["2021"], "M8[ns]")),
    "time as a number": ("dtype", np.array([1], "M8[s]"), np.array([1], "M8[s]"), np.array([1])),
    "array of objects": ("dtype", np.array([1.0, 2.0]), np.array([1, 2], object), np.array([1, None], object)),
    "record": ("dtype", np.array([(1, 2.0)], "i8,f8"), np.array([(1, 2.0)], "i4,f8"), np.array([(3, 2.0)], "i4,f8")),
    "list for an array": ("kind", np.arange(4).reshape(2, 2), [[0, 1], [2, 3]], [[0, 1], [2, 4]]),
    "number for an array": ("kind", np.array(5), 5, 4),
    "nothing for an array": ("kind", np.array(5), 5.0, None),
    "large number for an array": ("kind", np.array(2**64 - 1, "u8"), 2**64 - 1, 2.0**64),
    "masked array": ("kind", np.array([1.0]), np.array([1.0]).view(np.matrix)[0].A1, np.zeros(1).view(np.recarray)),
    "array for a list": ("container", [1, 2], np.array([1.0, 2.0]), np.array([1.0, 3.0])),
    "array for nested lists": ("container", [[1.0], [2.0]], np.array([[1.0], [2.0]]), np.array([1.0, 2.0])),
    "array for a number": ("container", 5, np.array(5), np.array(0)),
    "numpy scalar for a number": ("container", 0.5, np.float32(0.5), np.float32(0.25)),
    "rounded numpy scalar": ("container", 0.1, np.float64(0.1), np.float32(0.1)),
    "text for a number": ("container", 5, 5.0, "5"),
    "bytes for a text": ("container", "a", b"a", b"b"),
    "tuple for a list": ("container", [1, [2]], (1, (2,)), (1, (3,))),
    "shorter tuple": ("container", [1, 2], (1, 2), (1,)),
    "list for a named tuple": ("container", Point(1, 2), [1, 2], [1, 3]),
    "dict for a named tuple": ("container", Point(1, 2), {"x": 1, "y": 2}, {"x": 1}),
    "dict for a list": ("container", ["a", "b"], {"0": "a", "1": "b"}, {"0": "a", "1": "c"}),
    "ordered dict": ("container", {"a": 1}, collections.OrderedDict(a=1), collections.OrderedDict(a=2)),
    "nothing for a dict": ("container", {"a": 1}, {"a": 1}, None),
    "list for a set": ("container", {1, 2}, [2, 1], [1]),
    "value of an enum": ("container", Level.HIGH, "high", "low"),
    "text for a path": ("container", pathlib.Path("a"), "a", "b"),
    "flat": ("shape", np.arange(4).reshape(2, 2), np.arange(4), np.arange(1, 5)),
    "other length": ("shape", np.arange(4), np.arange(4).reshape(4, 1), np.arange(3)),
    "one element": ("shape", np.array(1.0), np.array([1.0]), np.array([])),
    "text for an integer key": ("keys", {1: "a"}, {"1": "a"}, {"1": "b"}),
    "missing key": ("keys", {"a": 1}, {"a": 1, "b": 2}, {"b": 2}),
    "order of keys": ("order", {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 1, "a": 2}),
    "order of memory": ("strides", np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros((2, 3), int, "F")),
}  # fmt: skip


@pytest.mark.parametrize(("aspect", "expected", "same", "other"), FORMS.values(), ids=FORMS)
def test_values_are_compared_in_another_form(aspect: str, expected: Any, same: Any, other: Any) -> None:
    assert differences({"x": same}, {"x": expected}, ignore=[aspect]) == []
    found = differences({"x": other}, {"x": expected}, ignore=[aspect])
    assert found
    assert all(each.path.startswith("['x']") for each in found)
    with pytest.raises(AssertionError, match=r"\['x'\]"):
        assert_identical({"x": other}, {"x": expected}, ignore=[aspect])


@pytest.mark.parametrize("name", BACKENDS)
def test_dtypes_of_every_backend_are_cast(name: str) -> None:
    backend = get_backend(name)
    with backend.scope():
        wide = backend.build(TensorSpec("float32", (5,), fill=Fill(1)))
        for dtype in sorted({"float16", "bfloat16", "int8", "bool"} & set(backend.dtypes())):
            zero = backend.build(TensorSpec(dtype, (5,)))
            assert differences(zero, backend.build(TensorSpec("float32", (5,))), ignore=["dtype"]) == []
            (found,) = differences(zero, wide, ignore=["dtype"])
            assert (found.aspect, found.total) == ("values", 5)
        scalar = backend.build(TensorSpec("float32", (), fill=Fill(1)))
        number = float(np.asarray(backend.read(scalar).words).reshape(1).view("f4")[0])
        assert differences(number, scalar, ignore=["kind"]) == differences(scalar, number, ignore=["container"]) == []
        assert differences(number + 1, scalar, ignore=["kind"])
        assert differences(scalar, number + 1, ignore=["container"])


def test_rounding_is_named_as_the_cause() -> None:
    (found,) = differences(np.array([0.1, 0.5], "f4"), np.array([0.1, 0.5]), ignore=["dtype"])
    assert (found.count, found.cause) == (1, "the values were rounded to float32")
    assert found.elements == ("[0] expected 0.1 (float64), got 0.10000000149011612 (float32)",)


def _tree(weight: float = 1.0, step: int = 1) -> Any:
    return {"encoder": {"w": np.full(2, weight), "b": np.ones(1)}, "encoder2": Point(step, [np.ones(2)])}


@pytest.mark.parametrize("pattern", ["['encoder']['w']", "encoder.w", "encoder.*", "*.w", "encoder.?", "['enc*w']"])
def test_pattern_leaves_out_what_it_matches(pattern: str) -> None:
    assert differences(_tree(2.0), _tree(), ignore=[pattern]) == []
    (found,) = differences(_tree(2.0, step=5), _tree(), ignore=[pattern])
    assert found.path == "['encoder2'].x"


def test_pattern_covers_missing_and_additional_keys() -> None:
    less, more = {"a": 1}, {"a": 1, "b": {"c": 2}}
    for actual, expected in ((less, more), (more, less)):
        assert differences(actual, expected)
        assert differences(actual, expected, ignore=["['b']"]) == []
        assert differences({**actual, "a": 3}, expected, ignore=["b.*"])
    # The pattern matches a path of the expected tree, which is lost as a whole.
    assert differences(None, more, ignore=["b.c"])


def test_pattern_without_a_match_shows_paths_nearby() -> None:
    with pytest.raises(ValueError, match=r"'encodr\.w' matches no path \(nearest paths: \['encoder'\]\['w'\]"):
        differences(_tree(), _tree(), ignore=["encodr.w"])
    with pytest.raises(ValueError, match=r"write \"\['encoder'\]\" or \"encoder\.\*\""):
        differences(_tree(), _tree(), ignore=["encoder"])
    with pytest.raises(ValueError, match="matches no path"):
        assert_identical(_tree(), _tree(), ignore=["*.bias"])


def test_roundtrip_accepts_patterns(tmp_path: pathlib.Path) -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        np.savez(path, w=tree["w"])

    def load(path: pathlib.Path) -> Any:
        return {"w": np.load(path)["w"], "cache": [np.zeros(3)]}

    tree = {"w": np.ones(2), "cache": [np.ones(3)]}
    with pytest.raises(AssertionError, match=r"\['cache'\]\[0\]: values"):
        assert_roundtrip(tree, save=save, load=load, suffix=".npz")
    assert_roundtrip(tree, save=save, load=load, suffix=".npz", ignore=["cache.*"])
    with pytest.raises(AssertionError, match=r"\['w'\]: values"):
        assert_roundtrip(tree, save=save, load=lambda path: {**load(path), "w": np.zeros(2)}, suffix=".npz", ignore=["cache.*"])
    with pytest.raises(ValueError, match="matches no path"):
        assert_roundtrip(tree, save=save, load=load, suffix=".npz", ignore=["cached.*"])


EXTENDED: dict[str, tuple[Any, Any]] = {
    "order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "container": ([1, 2], (1, 2)),
    "kind": (np.ones(2), np.ones(2).view(np.recarray)),
    "strides": (np.ones((2, 3)), np.ones((2, 3), order="F")),
    "flags": (np.ones(2), np.ones(2, ">f8")),
    "nan-payload": (float("nan"), -float("nan")),
}


@pytest.mark.parametrize("aspect", EXTENDED)
def test_extended_aspects_count_on_request(aspect: str) -> None:
    expected, actual = EXTENDED[aspect]
    assert aspect in {each.aspect for each in differences(actual, expected)}
    assert_identical(actual, expected)
    with pytest.raises(AssertionError, match=aspect):
        assert_identical(actual, expected, extended=True)
    assert_identical(actual, expected, extended=True, ignore=list(EXTENDED))
    with pytest.raises(AssertionError):
        assert_identical(None, expected)


def test_nan_of_plain_floats_has_no_payload() -> None:
    nan, other = float("nan"), -float("nan")
    for wrap in (lambda x: [x], lambda x: {"a": (x, 1)}, lambda x: {x}, lambda x: complex(x, 1)):
        assert {each.aspect for each in differences(wrap(other), wrap(nan))} <= {"nan-payload"}
        assert {each.aspect for each in differences(wrap(0.0), wrap(nan))} == {"values"}
    # A tensor keeps the payload.
    assert differences(np.array([other]), np.array([nan]))[0].aspect == "nan-payload"


def _adapted(backend: str) -> Any:
    """Return a model with two layers. The checkpoint holds only one, as in a library for adapters."""
    if backend == "torch":
        import torch

        class Adapted(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.replaced = torch.nn.Sequential(torch.nn.Linear(2, 2))
                self.trained = torch.nn.Linear(2, 2)

        return Adapted
    from flax import nnx

    class Nodes(nnx.Module):
        def __init__(self) -> None:
            seeds = nnx.Rngs(len(made))
            made.append(self)
            self.replaced = nnx.Linear(2, 2, rngs=seeds)
            self.trained = nnx.Linear(2, 2, rngs=seeds)

    made: list[Any] = []
    return Nodes


@pytest.mark.parametrize("backend", sorted({"torch", "jax"} & set(BACKENDS)))
def test_pattern_leaves_out_layers_of_a_model(backend: str, tmp_path: pathlib.Path) -> None:
    from pytest_ckpt.backends import get_models

    models, make = get_models(backend), _adapted(backend)
    assert models is not None

    def save(model: Any, path: pathlib.Path) -> None:
        path.write_bytes(pickle.dumps(models.state(model)))

    def load(path: pathlib.Path, model: Any, skip: tuple[str, ...] = ("replaced",)) -> None:
        state, own = pickle.loads(path.read_bytes()), models.state(model)
        models.load_state(model, {key: own[key] if str(key).startswith(skip) else value for key, value in state.items()})

    with pytest.raises(AssertionError, match="replaced"):
        assert_roundtrip(make(), save=save, load=load, make=make)
    for pattern in ("replaced.*", "repl*", "['replaced*"):
        assert_roundtrip(make(), save=save, load=load, make=make, ignore=[pattern])
    with pytest.raises(AssertionError, match="trained"):
        assert_roundtrip(
            make(), save=save, load=lambda path, model: load(path, model, ("replaced", "trained")), make=make, ignore=["replaced.*"]
        )
    with pytest.raises(ValueError, match="matches no path"):
        assert_roundtrip(make(), save=save, load=load, make=make, ignore=["replacement.*"])
