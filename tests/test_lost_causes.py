"""Causes that only the circumstances show: nothing to save, an older checkpoint, a file that is still being written."""

from __future__ import annotations

import pathlib
import threading
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, assert_roundtrip, check_format
from pytest_ckpt.verdicts import Verdict

from .conftest import BACKENDS

needs_numpy = pytest.mark.skipif("numpy" not in BACKENDS, reason="needs numpy")
needs_torch = pytest.mark.skipif("torch" not in BACKENDS, reason="needs torch")
needs_keras = pytest.mark.skipif("tensorflow" not in BACKENDS, reason="needs tensorflow")


def _save(array: Any, path: pathlib.Path) -> None:
    np.save(path, array)


def _load(path: pathlib.Path) -> Any:
    return np.load(path)


def _numpy_format(**functions: Any) -> Format:
    given = {"save": _save, "load": _load} | functions
    return Format(name="mine", backend="numpy", accepts="tensor", suffix=".npy", **given)


@needs_numpy
def test_older_checkpoint_is_named() -> None:
    def first_only(array: Any, path: pathlib.Path) -> None:
        if not path.exists():
            _save(array, path)

    def other(array: Any, path: pathlib.Path) -> None:
        _save(array * 0 if path.exists() else array, path)

    select = ["files/overwrite-smaller"]
    (kept,) = check_format(_numpy_format(), select=select, examples=3)
    (older,) = check_format(_numpy_format(save=first_only), select=select, examples=3)
    (neither,) = check_format(_numpy_format(save=other), select=select, examples=3)
    assert kept.verdict is Verdict.KEPT, kept
    assert older.verdict is Verdict.CHANGED
    assert "load returned the checkpoint before the last one" in older.detail
    assert neither.verdict is Verdict.CHANGED
    assert "before the last" not in neither.detail


class Writer:
    """Saves in a thread, which waits for a signal that `load` gives, or that `wait` gives."""

    def __init__(self, finishes: bool = True) -> None:
        self.finishes = finishes
        self.loading = threading.Event()
        self.thread = threading.Thread()

    def save(self, array: Any, path: pathlib.Path) -> threading.Thread:
        path.write_bytes(b"")
        self.loading.clear()
        self.thread = threading.Thread(target=self._write, args=(array.copy(), path))
        self.thread.start()
        return self.thread

    def _write(self, array: Any, path: pathlib.Path) -> None:
        self.loading.wait(10)
        if self.finishes and path.parent.exists():
            _save(array, path)

    def wait(self, thread: threading.Thread) -> None:
        self.loading.set()
        thread.join()

    def load(self, path: pathlib.Path) -> Any:
        try:
            return _load(path)
        finally:
            self.loading.set()


@needs_numpy
def test_unfinished_file_is_named() -> None:
    """The same format with `wait` passes, and a file that stays empty has another cause."""
    select = ["dtype/float32"]
    writer, patient, lazy = Writer(), Writer(), Writer(finishes=False)
    (early,) = check_format(_numpy_format(save=writer.save, load=writer.load), select=select, examples=2)
    (waited,) = check_format(_numpy_format(save=patient.save, load=patient.load, wait=patient.wait), select=select, examples=2)
    (empty,) = check_format(_numpy_format(save=lazy.save, load=lazy.load), select=select, examples=2)
    assert early.verdict is Verdict.UNREADABLE, early
    assert "still being written when save returned" in early.detail
    assert "wait=" in early.detail
    assert waited.verdict is Verdict.KEPT, waited
    assert empty.verdict is Verdict.UNREADABLE, empty
    assert "still being written" not in empty.detail


@needs_numpy
def test_unfinished_file_is_named_by_assert_roundtrip() -> None:
    writer, lazy = Writer(), Writer(finishes=False)
    with pytest.raises((EOFError, ValueError)) as raised:
        assert_roundtrip(np.ones(3), save=writer.save, load=writer.load, suffix=".npy")
    assert "still being written when save returned" in "".join(getattr(raised.value, "__notes__", []))
    with pytest.raises((EOFError, ValueError)) as raised:
        assert_roundtrip(np.ones(3), save=lazy.save, load=lazy.load, suffix=".npy")
    assert not getattr(raised.value, "__notes__", [])


@needs_keras
def test_keras_model_without_variables_raises() -> None:
    import keras

    def save(model: Any, path: pathlib.Path) -> None:
        model.save(path)

    options: dict[str, Any] = {"save": save, "load": keras.saving.load_model, "suffix": ".keras"}
    model = keras.Sequential([keras.layers.Dense(2)])
    for more in ({}, {"inputs": np.ones((2, 3), np.float32)}):
        with pytest.raises(ValueError, match=r"the model Sequential has no variables(.|\n)*build it"):
            assert_roundtrip(model, **options, **more)
    model(np.ones((2, 3), np.float32))
    assert_roundtrip(model, **options)


@needs_torch
def test_torch_model_without_variables_needs_inputs() -> None:
    import torch

    def load(path: pathlib.Path) -> Any:
        return torch.load(path, weights_only=False)

    with pytest.raises(ValueError, match="the model Tanh has no variables"):
        assert_roundtrip(torch.nn.Tanh(), save=torch.save, load=load)
    assert_roundtrip(torch.nn.Tanh(), save=torch.save, load=load, inputs=torch.ones(3))
    with pytest.raises(AssertionError, match="outputs"):
        assert_roundtrip(torch.nn.LeakyReLU(0.5), save=torch.save, load=lambda path: torch.nn.LeakyReLU(), inputs=-torch.ones(3))
