"""`assert_roundtrip` with trees and functions of the user."""

from __future__ import annotations

import collections
import copy
import dataclasses
import pathlib
import pickle
import tempfile
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import assert_roundtrip
from pytest_ckpt.backends import get_backend
from pytest_ckpt.backends.tree_builder import build_tree
from pytest_ckpt.specs import DictSpec, Fill, PlainSpec, TensorSpec

from .conftest import BACKENDS


@dataclasses.dataclass
class State:
    step: int
    weight: Any


def _save(obj: Any, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps(obj))


def _load(path: pathlib.Path) -> Any:
    return pickle.loads(path.read_bytes())


def _tree() -> Any:
    return {"state": State(3, np.arange(4.0)), "names": ("a", "b"), "table": collections.OrderedDict(x=np.float32(0.5)), "none": None}


def test_restored_tree_passes_without_leftovers(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert_roundtrip(_tree(), save=_save, load=_load)
    with pytest.raises(AssertionError):
        assert_roundtrip(_tree(), save=_save, load=lambda path: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BACKENDS)
def test_template_of_every_backend_has_other_values(name: str) -> None:
    backend = get_backend(name)
    with backend.scope():
        spec = DictSpec((("w", TensorSpec("float32", (2, 3), fill=Fill(1))), ("step", PlainSpec(7))))
        tree = build_tree(spec, backend)
        seen: list[Any] = []

        def load(path: pathlib.Path, template: Any) -> Any:
            seen.append(template)
            return build_tree(spec, backend)

        assert_roundtrip(tree, save=lambda tree, path: path.write_bytes(b"x"), load=load, template=True)
        assert seen[0]["step"] != 7
        assert backend.read(seen[0]["w"]).shape == (2, 3)
        with pytest.raises(AssertionError, match=r"\['w'\]: values: .*6 of 6 elements differ"):
            assert_roundtrip(tree, save=lambda tree, path: path.write_bytes(b"x"), load=lambda path, template: template, template=True)


def test_failure_shows_paths() -> None:
    def lossy(path: pathlib.Path) -> Any:
        tree = _load(path)
        tree["state"].weight = tree["state"].weight.astype("f4")
        tree["names"] = list(tree["names"])
        return tree

    with pytest.raises(AssertionError) as error:
        assert_roundtrip(_tree(), save=_save, load=lossy)
    text = str(error.value)
    assert "2 difference(s)" in text
    assert "['state'].weight: dtype: expected float64, got float32" in text
    assert "['names']: container: expected tuple, got list" in text
    assert_roundtrip(_tree(), save=_save, load=lossy, ignore=["dtype", "container"])


def test_fails_when_save_changes_its_argument() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        tree["state"].weight[0] = 9
        _save(tree, path)

    with pytest.raises(AssertionError, match=r"save changed the object that it saved:\n\['state'\]\.weight: values"):
        assert_roundtrip(_tree(), save=save, load=_load)


def test_fails_when_nothing_is_written_or_saved_object_returned() -> None:
    kept: list[Any] = []
    with pytest.raises(AssertionError, match="there is no file at the path"):
        assert_roundtrip(_tree(), save=lambda tree, path: None, load=lambda path: _tree())

    def save(tree: Any, path: pathlib.Path) -> None:
        kept.append(tree)
        _save(tree, path)

    for cheat in (lambda path: kept[-1], lambda path: copy.copy(kept[-1])):
        with pytest.raises(AssertionError, match="load returned the saved object itself"):
            assert_roundtrip(_tree(), save=save, load=cheat)


class Holder:
    def __init__(self, weight: Any) -> None:
        self.weight = weight
        self.me = self


@dataclasses.dataclass
class Counted:
    step: int
    total: int = dataclasses.field(init=False, default=0)


def test_template_changes_every_leaf() -> None:
    tree: Any = collections.defaultdict(
        list, a=[np.ones(2)], b=Counted(3), c=collections.deque([1, 2]), d=Holder(np.ones(3)), e=(True, "x")
    )
    seen: list[Any] = []
    assert_roundtrip(tree, save=_save, load=lambda path, template: seen.append(template) or _load(path), template=True)
    (fresh,) = seen
    assert fresh["b"].step != 3
    assert fresh["c"] == collections.deque([2, 3])
    assert fresh["d"] is not tree["d"]
    assert fresh["d"].me is fresh["d"]
    assert (fresh["d"].weight != 1).all()
    assert fresh["e"][0] is False
    with pytest.raises(AssertionError, match=r"\['d'\]\.weight: values"):
        assert_roundtrip(
            tree, save=_save, load=lambda path, template: {**_load(path), "d": template["d"]}, template=True, ignore=["container"]
        )


def test_path_ends_in_suffix() -> None:
    assert_roundtrip(np.arange(4), save=lambda array, path: np.save(path, array), load=np.load, suffix=".npy")


def test_make_builds_the_template_and_must_differ() -> None:
    fresh = [np.zeros(3)]
    seen: list[Any] = []
    assert_roundtrip(
        [np.ones(3)], save=_save, load=lambda path, template: seen.append(template) or _load(path), template=True, make=lambda: fresh
    )
    assert seen[0] is fresh
    with pytest.raises(ValueError, match="the same values as the saved object"):
        assert_roundtrip([np.ones(3)], save=_save, load=lambda path, template: template, template=True, make=lambda: [np.ones(3)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"save": 3, "load": _load}, "save must be a function, got int"),
        ({"save": _save, "load": None}, "load must be a function"),
        ({"save": _save, "load": _load, "make": list}, "template=True as well"),
        ({"save": _save, "load": _load, "inputs": 1}, "inputs= is only for models"),
        ({"save": _save, "load": _load, "ignore": ["value"]}, "did you mean 'values'"),
    ],
)
def test_invalid_arguments_raise_before_saving(options: dict[str, Any], message: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        assert_roundtrip([np.ones(2)], folder=tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_exceptions_of_save_propagate() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        raise OSError("disk on fire")

    with pytest.raises(OSError, match="disk on fire"):
        assert_roundtrip([np.ones(2)], save=save, load=_load)


def test_temporary_objects_are_not_the_saved_ones(tmp_path: pathlib.Path) -> None:
    """Pickling creates objects whose identity the next object may get."""
    import pickle

    for seed in range(40):
        tree = ({"rng": np.random.default_rng(seed)}, [np.random.default_rng(seed)])[seed % 2]
        assert_roundtrip(
            tree, save=lambda obj, path: path.write_bytes(pickle.dumps(obj)), load=lambda path: pickle.loads(path.read_bytes())
        )
