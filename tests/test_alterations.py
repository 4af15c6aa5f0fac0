"""A save that alters what it was given is found in every example, and the alteration is described."""

from __future__ import annotations

import copy
import pathlib
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, check_format
from pytest_ckpt.backends import get_backend, get_models, get_training
from pytest_ckpt.checks import CHECKS, SCENARIOS
from pytest_ckpt.compare.alterations import alterations, record
from pytest_ckpt.specs import Fill, LayerSpec, ModelSpec, TensorSpec, TrainingSpec
from pytest_ckpt.verdicts import Difference, Observation, Verdict, judge

from .conftest import BACKENDS
from .faults.reference import Reference, reference_format
from .test_models import WITH_MODELS


def _altered(tree: Any, change: Callable[[Any], object]) -> list[str]:
    before = record(tree)
    change(tree)
    return [f"{each.path}: {each.aspect}" for each in alterations(record(tree), before)]


def _tree() -> dict[str, Any]:
    a = np.arange(4, dtype="f4")
    return {
        "b": a, "a": [np.ones((2, 3)), 1.5, "text"], "c": {"set": {1, 2}, "bytes": bytearray(b"ab"), "same": a},
        "generators": [np.random.default_rng(0), random.Random(0)], "names": np.array(["x", "yy"], dtype=object),
    }  # fmt: skip


def _reorder(tree: dict[str, Any]) -> None:
    for key in sorted(tree):
        tree[key] = tree.pop(key)


#: What is done to the tree, and the path and the aspect of the first alteration.
CHANGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "bits": (lambda tree: np.copyto(tree["b"], 7), "['b']: values"),
    "sign of zero": (lambda tree: np.negative(tree["b"], out=tree["b"], where=tree["b"] == 0), "['b']: values"),
    "dtype": (lambda tree: tree.update(b=tree["b"].astype("f2")), "['b']: dtype"),
    "dtype of the array itself": (lambda tree: setattr(tree["b"], "dtype", "i4"), "['b']: dtype"),
    "shape": (lambda tree: setattr(tree["b"], "shape", (2, 2)), "['b']: shape"),
    "read-only": (lambda tree: tree["b"].setflags(write=False), ""),
    "copy": (lambda tree: tree.update(b=tree["b"].copy()), "['b']: alias"),
    "copied list": (lambda tree: tree.update(a=list(tree["a"])), "['a']: alias"),
    "tuple": (lambda tree: tree.update(a=tuple(tree["a"])), "['a']: container"),
    "popped key": (lambda tree: tree.pop("a"), ": keys"),
    "new key": (lambda tree: tree.update(version=1), ": keys"),
    "order": (_reorder, ": order"),
    "number": (lambda tree: tree["a"].__setitem__(1, 2.5), "['a'][1]: values"),
    "type of a number": (lambda tree: tree["a"].__setitem__(1, np.float64(1.5)), "['a'][1]: container"),
    "set": (lambda tree: tree["c"]["set"].add(3), "['c']['set']: values"),
    "bytes": (lambda tree: tree["c"]["bytes"].append(1), "['c']['bytes']: values"),
    "generator of numpy": (lambda tree: tree["generators"][0].random(), "['generators'][0]"),
    "generator of Python": (lambda tree: tree["generators"][1].random(), "['generators'][1]"),
    "text in an array": (lambda tree: tree["names"].__setitem__(1, "z"), "['names'][1]: values"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_finds_what_was_altered(name: str) -> None:
    change, first = CHANGES[name]
    found = _altered(_tree(), change)
    if first:
        assert found[:1] != []
        assert found[0].startswith(first)
    else:
        assert found == [], "numpy's formats need not preserve the flag, so it is not read"


@pytest.mark.parametrize(
    "use", [copy.deepcopy, pickle.dumps, repr, lambda tree: [tree["a"], *tree], lambda tree: tree["b"].astype("f8")], ids=range(5)
)
def test_finds_nothing_after_harmless_use(use: Callable[[Any], object]) -> None:
    assert _altered(_tree(), use) == []


def test_cycles_and_large_tensors_are_recorded() -> None:
    tree: dict[str, Any] = {"large": np.zeros(1 << 17), "view": np.zeros((600, 600))[::2, ::2]}
    tree["self"] = tree
    assert _altered(tree, lambda tree: None) == []
    assert _altered(tree, lambda tree: tree["large"].__setitem__(-1, 1.0)) == ["['large']: values"]
    assert _altered(tree, lambda tree: tree["view"].__setitem__((3, 3), 1.0)) == ["['view']: values"]
    assert _altered(np.zeros(3), lambda array: array.fill(1)) == [": values"]


def test_reading_a_masked_array_leaves_it_unchanged() -> None:
    array = np.ma.masked_array(np.ones(2, "f4"), mask=[True, False])
    get_backend("numpy").read(array)
    assert array._fill_value is None


def test_alteration_is_worse_than_other_facts() -> None:
    altered = (Difference("['x']", "order", "a", "b"),)
    for facts in ({"refused": "no"}, {"skipped": "why"}, {"unreadable": "no"}, {"crashed": "no"}, {}):
        judgement = judge(Observation(altered=altered, **facts), {"dtype"}, lambda difference: None, {Verdict.REFUSED})
        assert judgement.verdict is Verdict.CHANGED
        assert judgement.detail.startswith("save altered what it was given:\n['x']: order")
    assert judge(Observation(altered=altered, unsafe="no"), set(), lambda difference: None).verdict is Verdict.UNSAFE


def _altering(backend: str, change: Callable[[Any], object], **fields: Any) -> Format:
    reference = Reference(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        reference.save(tree, path)
        change(tree)

    return Format(name="altering", backend=backend, save=save, load=reference.load, **fields)


@pytest.mark.skipif("numpy" not in BACKENDS, reason="runs in numpy's environment")
def test_only_altered_examples_are_changed() -> None:
    def add_one(tree: Any) -> None:
        for array in tree.values() if isinstance(tree, dict) else ():
            if isinstance(array, np.ndarray) and array.dtype == "f8":
                array += 1

    results = check_format(_altering("numpy", add_one, accepts="dict"), select=["dtype", "bits"], examples=0)
    wrong = {result.check for result in results if result.failed}
    assert wrong == {"dtype/float64", "bits/float64"}
    assert all("save altered what it was given" in result.detail for result in results if result.failed)


@pytest.mark.parametrize("family", SCENARIOS)
@pytest.mark.skipif("numpy" not in BACKENDS, reason="runs in numpy's environment")
def test_alteration_in_a_worker_is_changed(family: str) -> None:
    """Also where one save serves many examples, as in the families that damage a checkpoint."""
    names = {"corruption": "corruption/truncate", "crash": "crash/kill", "security": "security/code", "process": "process/moved"}
    name = names.get(family, f"{family}/overwrite-smaller")
    assert name in CHECKS

    def pop(tree: Any) -> None:
        if isinstance(tree, dict):
            tree.popitem()

    (result,) = check_format(_altering("numpy", pop, accepts="dict"), select=[name], examples=0)
    assert result.verdict is Verdict.CHANGED, str(result)
    assert "save altered what it was given" in result.detail


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_altered_model_is_changed(backend: str) -> None:
    models = get_models(backend)
    assert models is not None
    reference = reference_format(backend)
    other = models.state(models.build(ModelSpec((LayerSpec("dense", 2),), (2,), seed=99)))

    def save_model(model: Any, path: pathlib.Path) -> None:
        assert reference.save is not None
        reference.save(models.state(model), path)
        models.load_state(model, other)

    def load_model(path: pathlib.Path, model: Any) -> None:
        assert reference.load is not None
        models.load_state(model, reference.load(path))

    format = Format(name="altering", backend=backend, save_model=save_model, load_model=load_model)
    (result,) = check_format(format, select=["model/dense"], examples=0)
    assert result.verdict is Verdict.CHANGED, str(result)
    assert "save altered what it was given" in result.detail


def _trains_on(run: Any) -> None:
    run.train(1)


def _leaves_inference_mode(run: Any) -> None:
    run.model.eval()


def _draws(run: Any) -> None:
    np.random.standard_normal()


@pytest.mark.parametrize("change", [_trains_on, _leaves_inference_mode, _draws])
@pytest.mark.parametrize("backend", WITH_MODELS)
def test_altered_run_is_changed(backend: str, change: Callable[[Any], None]) -> None:
    if change is _leaves_inference_mode and backend not in ("torch", "jax"):
        pytest.skip("the models of this framework have no mode")
    assert get_training(backend) is not None
    reference = Reference(backend)

    def save_training(run: Any, path: pathlib.Path) -> None:
        reference.save(run.state(), path)
        change(run)

    def load_training(path: pathlib.Path, run: Any) -> None:
        run.restore(reference.load(path))

    format = Format(name="altering", backend=backend, save_training=save_training, load_training=load_training)
    name = "training/rng" if change is _draws else "training/momentum"
    (result,) = check_format(format, select=[name], examples=0)
    if result.skipped:
        pytest.skip(result.skipped)
    assert result.verdict is Verdict.CHANGED, str(result)
    assert "save altered what it was given" in result.detail
    assert TrainingSpec(ModelSpec((LayerSpec("dense", 2),), (2,))).before > 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_tensors_are_recorded_in_every_backend(backend: str) -> None:
    own = get_backend(backend)
    with own.scope():
        tree = {"x": own.build(TensorSpec("float32", (3,), fill=Fill(1))), "y": [own.build(TensorSpec("int32", (2,), fill=Fill(2)))]}
        assert _altered(tree, lambda tree: None) == []
        other = own.build(TensorSpec("float32", (3,), fill=Fill(3)))
        found = _altered(tree, lambda tree: own.overwrite(tree["x"], other) or tree.update(x=other))
        assert found[0] == "['x']: values"
