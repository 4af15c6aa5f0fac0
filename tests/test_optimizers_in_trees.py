"""Optimizers and models inside trees: keys that are tensors or objects are paired, and models are compared as models."""

from __future__ import annotations

import copy
import pathlib
import weakref
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import assert_identical, assert_roundtrip, differences

from .conftest import BACKENDS

needs_torch = pytest.mark.skipif("torch" not in BACKENDS, reason="needs torch")
needs_keras = pytest.mark.skipif("tensorflow" not in BACKENDS, reason="needs tensorflow")


class Handle:
    """An object without an `__eq__`, such as a parameter of a framework."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Momenta:
    """An optimizer that holds its state by parameter, before the parameters themselves."""

    def __init__(self, handles: list[Handle]) -> None:
        self.state = {handle: {"m": np.full(2, float(place))} for place, handle in enumerate(handles)}
        self.handles = handles


def _momenta() -> Momenta:
    return Momenta([Handle(np.ones(2)), Handle(np.zeros(2))])


def test_objects_as_keys_are_paired_by_their_other_place() -> None:
    assert_identical(_momenta(), _momenta(), extended=True)
    turned = _momenta()
    turned.state = dict(reversed(turned.state.items()))
    assert {each.aspect for each in differences(turned, _momenta())} == {"order"}
    wrong = _momenta()
    wrong.state[wrong.handles[1]]["m"][:] = 7
    (found,) = differences(wrong, _momenta())
    assert (found.path, found.aspect) == (".state[handles.1]['m']", "values")
    lacking = _momenta()
    del lacking.state[lacking.handles[1]]
    (found,) = differences(lacking, _momenta())
    assert found.lost
    assert found.actual.startswith("the entry of handles.1 is missing")


def test_state_of_objects_that_are_not_the_parameters_differs() -> None:
    strangers = _momenta()
    strangers.state = dict(zip(_momenta().handles, strangers.state.values(), strict=True))
    assert sum(each.lost for each in differences(strangers, _momenta())) == 2


def test_objects_as_keys_alone_are_paired_in_order() -> None:
    def table(first: float, value: str = "a") -> Any:
        return {Handle(first): value, Handle(2.0): "b", "name": 3}

    assert_identical(table(1.0), table(1.0))
    assert [each.path for each in differences(table(5.0), table(1.0))] == ["[key 0].value"]
    assert [each.path for each in differences(table(1.0, "c"), table(1.0))] == ["[key 0]"]
    handles = [Handle(1), Handle(2)]
    assert_identical([weakref.WeakKeyDictionary({handles[0]: 1}), handles], [weakref.WeakKeyDictionary({handles[0]: 1}), handles])


class Run:
    def __init__(self, kind: str = "Adam") -> None:
        import torch

        self.model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
        options = {"SGD": {"momentum": 0.9}, "LBFGS": {"max_iter": 2}}.get(kind, {})
        parameters: Any = self.model.parameters()
        if kind == "AdamW":
            parameters = [{"params": self.model[0].parameters(), "lr": 0.5}, {"params": self.model[1].parameters()}]
        self.optimizer = getattr(torch.optim, kind)(parameters, lr=0.1, **options)


def _trained(kind: str = "Adam", seed: int = 0) -> Run:
    import torch

    torch.manual_seed(seed)
    run = Run(kind)

    def loss() -> Any:
        run.optimizer.zero_grad()
        found = run.model(torch.ones(1, 2)).sum() ** 2
        found.backward()
        return found

    run.optimizer.step(loss)
    run.optimizer.zero_grad()
    return run


def _save(run: Run, path: pathlib.Path) -> None:
    import torch

    torch.save([run.model.state_dict(), run.optimizer.state_dict()], path)


def _load(path: pathlib.Path, run: Run) -> Run:
    import torch

    model, optimizer = torch.load(path, weights_only=False)
    run.model.load_state_dict(model)
    run.optimizer.load_state_dict(optimizer)
    return run


@needs_torch
@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "LBFGS"])
def test_run_with_an_optimizer_is_restored(kind: str) -> None:
    assert_roundtrip(_trained(kind), save=_save, load=_load, template=True, make=lambda: Run(kind))
    assert_identical(_trained(kind).optimizer, _trained(kind).optimizer)
    nested = {"list": [_trained(kind).optimizer], "run": _trained(kind)}
    assert_identical(copy.deepcopy(nested), nested, extended=True)
    assert differences(_trained(kind, seed=1).optimizer, _trained(kind).optimizer)


@needs_torch
@pytest.mark.parametrize(("kind", "slot"), [("Adam", "exp_avg"), ("AdamW", "exp_avg_sq"), ("SGD", "momentum_buffer"), ("Adagrad", "sum")])
def test_lost_moment_names_the_parameter(kind: str, slot: str) -> None:
    def forgets(path: pathlib.Path, run: Run) -> Run:
        run = _load(path, run)
        run.optimizer.state[run.model[1].bias][slot].zero_()
        return run

    with pytest.raises(AssertionError, match=rf"\.optimizer\.state\[model\.1\.bias\]\['{slot}'\]: values: 1 of 1"):
        assert_roundtrip(_trained(kind), save=_save, load=forgets, template=True, make=lambda: Run(kind))


@needs_torch
def test_sets_of_tensors_are_compared_by_their_tensors() -> None:
    import torch

    def frozen(*values: float) -> Any:
        return [torch.nn.Parameter(torch.full((2,), float(value))) for value in values]

    for wrap in (set, frozenset):
        assert_identical(wrap(frozen(1, 2, 3)), wrap(frozen(3, 1, 2)))
        assert [each.aspect for each in differences(wrap(frozen(1, 2, 4)), wrap(frozen(3, 1, 2)))] == ["values"]
        assert any(each.lost for each in differences(wrap(frozen(1, 2)), wrap(frozen(3, 1, 2))))
        first, second = frozen(1, 1), frozen(1, 1)
        assert_identical([first, wrap(first[:1])], [second, wrap(second[:1])])
        assert differences([first, wrap(first[1:])], [second, wrap(second[:1])])


@needs_torch
def test_models_in_trees_are_compared_as_models() -> None:
    import torch

    def tree(rate: float = 0.1, seed: int = 0) -> Any:
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(rate))
        return {"model": model, "weight": model[0].weight, "models": [torch.nn.Linear(1, 1)]}

    assert_identical(tree(), tree(), extended=True)
    found = differences(tree(seed=1), tree())
    assert {each.path for each in found} == {"['weight']"} | {f"['model']['0.{name}']" for name in ("weight", "bias")} | {
        f"['models'][0]['{name}']" for name in ("weight", "bias")
    }
    assert [each.aspect for each in differences(tree(rate=0.2), tree())] == ["flags"]
    assert_identical(tree(rate=0.2), tree())
    assert differences({**tree(), "model": None}, tree())
    untied = tree()
    untied["weight"] = untied["weight"].clone().detach().requires_grad_()
    assert "alias" in {each.aspect for each in differences(untied, tree())}
    assert_identical(tree(seed=1), tree(), ignore=["model.*", "['models']*", "['weight']"])


def _keras(value: float = 0.0) -> Any:
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 2)), verbose=0)
    model.layers[0].bias.assign([value, 0.0])
    return model


@needs_keras
def test_keras_models_layers_and_optimizers_are_compared_by_their_variables() -> None:
    first, second, other = _keras(), _keras(), _keras(3.0)
    assert_identical(first, second, extended=True)
    assert_identical([{"m": first}, first.layers[0], first.optimizer], [{"m": second}, second.layers[0], second.optimizer], extended=True)
    (found,) = differences({"m": other}, {"m": first})
    assert (found.path, found.aspect, found.count) == ("['m']['dense/bias']", "values", 1)
    (found,) = differences(other.layers[0], first.layers[0])
    assert (found.path, found.count) == (".variables[1]", 1)
    moment = second.optimizer.variables[2]
    moment.assign(moment + 1)
    (found,) = differences(second.optimizer, first.optimizer)
    assert found.path == ".variables[2]"
    assert differences(None, first)
