"""Outputs are compared although all state is equal: only rounding that the original itself shows is excused."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import assert_roundtrip

from .conftest import BACKENDS

needs_torch = pytest.mark.skipif("torch" not in BACKENDS, reason="needs torch")
needs_keras = pytest.mark.skipif("tensorflow" not in BACKENDS, reason="needs tensorflow")
needs_flax = pytest.mark.skipif("jax" not in BACKENDS, reason="needs jax")

#: A setting of a layer, by name: the value of the saved layer, and the default, which differs.
SETTINGS: dict[str, tuple[Any, Any]] = {
    "axis": (0, -1),
    "epsilon": (0.5, 1e-3),
    "activation": ("tanh", "relu"),
    "stride": (2, 1),
    "factor": (2.0, 1.0),
    "rate": (0.5, 0.0),
    "tiny": (1e-6, 0.0),
}


def _applied(library: Any, name: str, value: Any, inputs: Any) -> Any:
    """Return what a layer with one setting computes, in terms of the functions that libraries share."""
    if name == "axis":
        return inputs - library.mean(inputs, value)[0]
    if name == "activation":
        return library.tanh(inputs) if value == "tanh" else library.abs(inputs)
    if name == "stride":
        return inputs[:, ::value]
    return {"epsilon": inputs / (library.abs(inputs) + value), "factor": inputs * value}.get(name, inputs * (1.0 + value))


def _torch_layer(name: str) -> Any:
    """Return a class of modules with one setting, and a __getstate__ that can forget it."""
    import torch

    class Layer(torch.nn.Linear):  # type: ignore[misc]
        forgets = False

        def __init__(self, value: Any) -> None:
            super().__init__(4, 4)
            self.value = value

        def forward(self, inputs: Any) -> Any:
            return _applied(torch, name, self.value, super().forward(inputs))

        def __getstate__(self) -> Any:
            return {**self.__dict__, "value": SETTINGS[name][1] if self.forgets else self.value}

        def __reduce__(self) -> Any:
            return _empty, (Layer,), self.__getstate__()

    return Layer


def _empty(kind: Any) -> Any:
    return kind.__new__(kind)


def _whole(path: pathlib.Path) -> Any:
    import cloudpickle

    return cloudpickle.loads(path.read_bytes())


def _save_whole(model: Any, path: pathlib.Path) -> None:
    import cloudpickle

    path.write_bytes(cloudpickle.dumps(model))


@needs_torch
@pytest.mark.parametrize("name", SETTINGS)
def test_setting_that_pickle_forgets_fails(name: str) -> None:
    import torch

    layer = _torch_layer(name)
    torch.manual_seed(1)
    model, inputs = layer(SETTINGS[name][0]), torch.randn(4, 4)
    assert_roundtrip(model, save=_save_whole, load=_whole, inputs=inputs)
    layer.forgets = True
    with pytest.raises(
        AssertionError, match=r"all state is equal, and outputs differ by up to(.|\n)*value was .* in the saved model and is"
    ):
        assert_roundtrip(model, save=_save_whole, load=_whole, inputs=inputs)


@needs_keras
@pytest.mark.parametrize("name", SETTINGS)
def test_setting_that_get_config_forgets_fails(name: str) -> None:
    import keras

    class Layer(keras.layers.Layer):  # type: ignore[misc]
        forgets = False

        def __init__(self, value: Any = SETTINGS[name][1], **more: Any) -> None:
            super().__init__(**more)
            self.value = value

        def call(self, inputs: Any) -> Any:
            return _applied(keras.ops, name, self.value, inputs)

        def get_config(self) -> Any:
            return super().get_config() | ({} if self.forgets else {"value": self.value})

    def load(path: pathlib.Path) -> Any:
        return keras.saving.load_model(path, custom_objects={"Layer": Layer})

    def save(model: Any, path: pathlib.Path) -> None:
        model.save(path)

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), Layer(SETTINGS[name][0])])
    inputs = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)
    assert_roundtrip(model, save=save, load=load, inputs=inputs, suffix=".keras")
    Layer.forgets = True
    with pytest.raises(
        AssertionError, match=r"all state is equal, and outputs differ by up to(.|\n)*value was .* in the saved model and is"
    ):
        assert_roundtrip(model, save=save, load=load, inputs=inputs, suffix=".keras")


@needs_keras
def test_keras_sequential_without_inputs_round_trips() -> None:
    """Keras keeps lists of argument names and layers that refer to their owner."""
    import keras

    def save(model: Any, path: pathlib.Path) -> None:
        model.save(path)

    def nested() -> Any:
        inner = keras.Sequential([keras.layers.Dense(3), keras.layers.Dropout(0.5)])
        return keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(2)])

    def functional() -> Any:
        inputs = keras.Input((3,))
        return keras.Model(inputs, [keras.layers.Dense(2)(inputs), nested()(inputs)])

    for model in (keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), nested(), functional()):
        assert_roundtrip(model, save=save, load=keras.saving.load_model, suffix=".keras")

    def forgetful(path: pathlib.Path) -> Any:
        model = keras.saving.load_model(path)
        model.layers[0].call = lambda inputs: inputs * 2
        return model

    model = keras.Sequential([keras.Input((3,)), keras.layers.Activation("tanh"), keras.layers.Dense(2)])
    with pytest.raises(AssertionError, match="something that is not part of the state") as raised:
        assert_roundtrip(model, save=save, load=forgetful, suffix=".keras", inputs=np.ones((2, 3), np.float32))
    assert "TrackedList" not in str(raised.value)


@needs_keras
def test_layers_that_sample_in_inference_mode_round_trip() -> None:
    import keras
    import tensorflow as tf

    class Sampling(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, seeded: bool = True, **more: Any) -> None:
            super().__init__(**more)
            self.seeded = seeded
            self.generator = keras.random.SeedGenerator()

        def call(self, inputs: Any) -> Any:
            shape = tf.shape(inputs)
            return inputs + (keras.random.normal(shape, seed=self.generator) if self.seeded else tf.random.normal(shape))

        def get_config(self) -> Any:
            return super().get_config() | {"seeded": self.seeded}

    def load(path: pathlib.Path) -> Any:
        return keras.saving.load_model(path, custom_objects={"Sampling": Sampling})

    for seeded in (True, False):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), Sampling(seeded)])
        model(np.ones((2, 3), np.float32))
        assert_roundtrip(model, save=lambda model, path: model.save(path), load=load, suffix=".keras", inputs=np.ones((2, 3), np.float32))


@needs_keras
def test_random_state_with_a_long_name_need_not_be_restored() -> None:
    """Names of layers may be longer than the keys that messages show."""
    import keras

    def make() -> Any:
        inner = keras.Sequential([keras.layers.Dense(2), keras.layers.Dropout(0.5)], name="inner_" * 12)
        model = keras.Sequential([keras.Input((3,)), keras.Sequential([inner], name="outer_" * 12)])
        model(np.ones((2, 3), np.float32), training=True)
        return model

    def save(model: Any, path: pathlib.Path) -> None:
        model.save_weights(path)

    def load(path: pathlib.Path, model: Any) -> None:
        model.load_weights(path)

    def forgetful(path: pathlib.Path, model: Any) -> None:
        kept = [variable.numpy() for variable in model.weights]
        load(path, model)
        model.weights[0].assign(kept[0])

    assert_roundtrip(make(), save=save, load=load, make=make, suffix=".weights.h5")
    with pytest.raises(AssertionError, match="kernel"):
        assert_roundtrip(make(), save=save, load=forgetful, make=make, suffix=".weights.h5")


@needs_keras
def test_run_preserves_random_state_of_tensorflow() -> None:
    import tensorflow as tf

    from pytest_ckpt.backends import get_models
    from pytest_ckpt.checks.model import smallest_model

    models = get_models("tensorflow")
    assert models is not None
    model, drawn = models.build(smallest_model("dense")), []
    for runs in (0, 1):
        tf.random.set_seed(5)
        first = tf.random.normal((2,)).numpy().tolist()
        for _ in range(runs):
            models.run(model, np.ones((2, *smallest_model("dense").inputs), np.float32))
        drawn.append([first, tf.random.normal((2,)).numpy().tolist()])
    assert drawn[0] == drawn[1]


def _unsteady(size: float, dtype: Any = None, shape: Callable[[Any], Any] = lambda outputs: outputs, period: int = 4) -> Any:
    """Return a module whose outputs change by up to ``size`` from run to run, relative to their value."""
    import torch

    class Unsteady(torch.nn.Linear):  # type: ignore[misc]
        runs = 0

        def forward(self, inputs: Any) -> Any:
            Unsteady.runs += 1
            outputs = super().forward(inputs).to(torch.float64) * (1 + size * (Unsteady.runs % period))
            return shape(outputs.to(dtype or torch.float32))

    return Unsteady(3, 3)


def _save(model: Any, path: pathlib.Path) -> None:
    import torch

    torch.save(model.state_dict(), path)


def _into(model: Any, after: Callable[[Any], None] = lambda model: None) -> Callable[..., None]:
    import torch

    def load(path: pathlib.Path, fresh: Any) -> None:
        fresh.load_state_dict(torch.load(path))
        after(fresh)

    return load


def _hooked(factor: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.register_forward_hook(lambda module, inputs, outputs: outputs * factor)

    return change


@needs_torch
@pytest.mark.parametrize(("dtype", "ulp"), [("float32", 2.0**-23), ("float64", 2.0**-52), ("float16", 2.0**-10), ("bfloat16", 2.0**-7)])
def test_rounding_of_the_original_is_excused_with_warning(dtype: str, ulp: float) -> None:
    import copy

    import torch

    model = _unsteady(ulp, getattr(torch, dtype))
    options: dict[str, Any] = {"save": _save, "make": lambda: _refilled(copy.deepcopy(model)), "inputs": torch.ones(2, 3)}
    with pytest.warns(UserWarning, match="excused as rounding: runs of the original itself differ") as warned:
        assert_roundtrip(model, load=_into(model), **options)
    assert warned[0].filename == __file__
    with pytest.raises(AssertionError, match="outputs differ by up to"):
        assert_roundtrip(model, load=_into(model, _hooked(1 + 64 * ulp)), **options)


@needs_torch
@pytest.mark.parametrize("size", [1e-4, 0.5])
def test_changes_larger_than_rounding_are_never_excused(size: float) -> None:
    import copy

    import torch

    model = _unsteady(size, period=7)
    with pytest.raises(AssertionError, match=r"runs of the original itself differ by up to .* more than rounding: make the model repeat"):
        assert_roundtrip(model, save=_save, load=_into(model), make=lambda: _refilled(copy.deepcopy(model)), inputs=torch.ones(2, 3))


@needs_torch
def test_difference_above_that_of_the_original_fails() -> None:
    """It is of rounding size, but the original repeats its outputs."""
    import torch

    model = torch.nn.Linear(3, 3)
    options: dict[str, Any] = {"save": _save, "make": lambda: torch.nn.Linear(3, 3), "inputs": torch.rand(2, 3)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_roundtrip(model, load=_into(model), **options)
    with pytest.raises(AssertionError, match="while the original repeats its outputs"):
        assert_roundtrip(model, load=_into(model, _hooked(1 + 2.0**-22)), **options)


@needs_torch
def test_rounding_that_depends_on_the_address_is_excused() -> None:
    import torch

    class Aligned(torch.nn.Linear):  # type: ignore[misc]
        def forward(self, inputs: Any) -> Any:
            return super().forward(inputs) * (1 if self.weight.data_ptr() % 64 else 1 + 2.0**-23)

    model = Aligned(3, 3)
    memory = torch.empty(10)[1:].view(3, 3)
    memory.copy_(model.weight.data)
    model.weight.data = memory
    addresses = [parameter.data_ptr() for parameter in model.parameters()]
    with pytest.warns(UserWarning, match="excused as rounding"):
        assert_roundtrip(model, save=_save, load=_into(model), make=lambda: Aligned(3, 3), inputs=torch.ones(2, 3))
    assert [parameter.data_ptr() for parameter in model.parameters()] == addresses


@needs_torch
@pytest.mark.parametrize("kind", ["tuple", "dict", "nested", "with-index", "with-text"])
def test_outputs_may_be_any_tree(kind: str) -> None:
    import copy

    import torch

    shapes: dict[str, Callable[[Any], Any]] = {
        "tuple": lambda outputs: (outputs, outputs.sum()),
        "dict": lambda outputs: {"logits": outputs, "loss": outputs.mean()},
        "nested": lambda outputs: {"hidden": [outputs, (outputs, None)]},
        "with-index": lambda outputs: (outputs, outputs.argmax(-1)),
        "with-text": lambda outputs: (outputs, "label", 3),
    }
    model = _unsteady(2.0**-23, shape=shapes[kind])
    options: dict[str, Any] = {"save": _save, "make": lambda: _refilled(copy.deepcopy(model)), "inputs": torch.ones(2, 3)}
    with pytest.warns(UserWarning, match="excused as rounding"):
        assert_roundtrip(model, load=_into(model), **options)

    def replaced(fresh: Any) -> None:
        fresh.register_forward_hook(lambda module, inputs, outputs: shapes[kind](torch.zeros(2, 3)))

    with pytest.raises(AssertionError, match="outputs"):
        assert_roundtrip(model, load=_into(model, replaced), **options)


def _refilled(model: Any) -> Any:
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return model


@needs_flax
def test_static_setting_that_is_not_restored_fails() -> None:
    import jax
    from flax import nnx

    class Scaled(nnx.Module):  # type: ignore[misc]
        def __init__(self, factor: float, seed: int) -> None:
            self.dense, self.factor = nnx.Linear(3, 2, rngs=nnx.Rngs(seed)), factor

        def __call__(self, inputs: Any) -> Any:
            return self.dense(inputs) * self.factor

    saved: dict[str, Any] = {}

    def save(model: Any, path: pathlib.Path) -> None:
        path.write_text("")
        saved["state"] = jax.tree.map(jax.numpy.copy, nnx.state(model))

    def load(path: pathlib.Path, fresh: Any) -> None:
        nnx.update(fresh, saved["state"])

    options: dict[str, Any] = {"save": save, "load": load, "inputs": jax.numpy.ones((2, 3))}
    assert_roundtrip(Scaled(2.0, 1), make=lambda: Scaled(2.0, 2), **options)
    with pytest.raises(AssertionError, match=r"factor=2.0(.|\n)*factor=1.0"):
        assert_roundtrip(Scaled(2.0, 1), make=lambda: Scaled(1.0, 2), **options)
