"""Pytrees of JAX: functions are shared on purpose, and static fields come from the template."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import pickle
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import assert_roundtrip

from .conftest import BACKENDS

pytestmark = pytest.mark.skipif("jax" not in BACKENDS, reason="needs jax")


def _pytrees() -> dict[str, type]:
    """Return classes with an array ``w``, a number ``step`` and static fields, by the way in which they are registered."""
    import flax.struct
    import jax

    @flax.struct.dataclass
    class Struct:
        w: Any
        step: Any
        act: Any = flax.struct.field(pytree_node=False, default=jax.nn.relu)
        rate: float = flax.struct.field(pytree_node=False, default=0.5)

    @functools.partial(jax.tree_util.register_dataclass, data_fields=["w", "step"], meta_fields=["act", "rate"])
    @dataclasses.dataclass
    class Registered:
        w: Any
        step: Any
        act: Any = jax.nn.gelu
        rate: float = 0.5

    @jax.tree_util.register_pytree_node_class
    @dataclasses.dataclass(frozen=True)
    class Nodes:
        w: Any
        step: Any
        act: Any = jax.numpy.tanh
        rate: float = 0.5

        def tree_flatten(self) -> Any:
            return (self.w, self.step), (self.act, self.rate)

        @classmethod
        def tree_unflatten(cls, static: Any, children: Any) -> Any:
            return cls(*children, *static)

    slope = functools.partial(jax.nn.leaky_relu, negative_slope=0.1)

    @functools.partial(jax.tree_util.register_dataclass, data_fields=["w", "step", "act", "rate"], meta_fields=[])
    @dataclasses.dataclass
    class Module:  # as in Equinox, where every field is a child, and only arrays and numbers are saved
        w: Any
        step: Any
        act: Any = slope
        rate: str = "fast"

    return {"struct": Struct, "registered": Registered, "nodes": Nodes, "module": Module}


WAYS = ["struct", "registered", "nodes", "module"]


def _save(tree: Any, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps([np.asarray(tree["layer"].w), tree["layer"].step]))


def _load(path: pathlib.Path, template: Any) -> Any:
    import jax.numpy

    w, step = pickle.loads(path.read_bytes())
    return {"layer": dataclasses.replace(template["layer"], w=jax.numpy.asarray(w), step=step)}


def _forgets(path: pathlib.Path, template: Any) -> Any:
    return {"layer": dataclasses.replace(_load(path, template)["layer"], step=template["layer"].step)}


@pytest.mark.parametrize("way", WAYS)
def test_static_fields_may_come_from_the_template(way: str) -> None:
    import jax.numpy

    kind = _pytrees()[way]
    tree = {"layer": kind(jax.numpy.ones(2), 3)}
    other = {"act": len, "rate": "slow"} if way == "module" else {"act": len, "rate": 0.25}
    makes = (None, lambda: {"layer": kind(jax.numpy.zeros(2), 1)}, lambda: {"layer": kind(jax.numpy.zeros(2), 1, **other)})
    for make in makes:
        assert_roundtrip(tree, save=_save, load=_load, template=True, make=make)
        with pytest.raises(AssertionError, match=r"\['layer'\]\.step: values"):
            assert_roundtrip(tree, save=_save, load=_forgets, template=True, make=make)

    def wrong(path: pathlib.Path, template: Any) -> Any:
        return {"layer": dataclasses.replace(_load(path, template)["layer"], rate=0.125)}

    with pytest.raises(AssertionError, match=r"\['layer'\]\.rate"):
        assert_roundtrip(tree, save=_save, load=wrong, template=True)


@pytest.mark.parametrize("way", WAYS)
def test_template_that_differs_in_static_fields_proves_nothing(way: str) -> None:
    import jax.numpy

    kind = _pytrees()[way]
    with pytest.raises(ValueError, match="the same values"):
        assert_roundtrip(
            {"layer": kind(jax.numpy.ones(2), 3)},
            save=_save,
            load=_load,
            template=True,
            make=lambda: {"layer": kind(jax.numpy.ones(2), 3, act=len, rate="other")},
        )


def test_shared_tensor_is_still_noticed() -> None:
    import jax.numpy

    tree = {"layer": _pytrees()["struct"](jax.numpy.ones(2), 3)}
    with pytest.raises(AssertionError, match="load returned the saved object itself, or a part of it"):
        assert_roundtrip(
            tree,
            save=_save,
            load=lambda path, template: {"layer": dataclasses.replace(template["layer"], w=tree["layer"].w, step=3)},
            template=True,
        )


@pytest.mark.parametrize("template", [False, True])
def test_functions_are_shared_on_purpose(template: bool) -> None:
    import jax

    kind = _pytrees()["struct"]
    shared = {"cfg": 1}
    functions = (jax.nn.relu, jax.jit(jax.numpy.tanh), functools.partial(jax.nn.leaky_relu, negative_slope=0.1), len, np.dtype("f4"))
    for function in (*functions, *((shared,) if template else ())):
        make: Any = functools.partial(kind, jax.numpy.zeros(2), 1, function)

        def load(path: pathlib.Path, *given: Any, make: Any = make) -> Any:
            return _load(path, *(given or ({"layer": make()},)))

        tree = {"layer": kind(jax.numpy.ones(2), 3, function)}
        makes = (None, lambda make=make: {"layer": make()}) if template else (None,)
        for each in makes:
            assert_roundtrip(tree, save=_save, load=load, template=template, make=each)
    # A tensor in a partly applied function is state.
    function = functools.partial(jax.nn.leaky_relu, negative_slope=jax.numpy.ones(()))
    with pytest.raises(AssertionError, match="load returned the saved object itself, or a part of it"):
        assert_roundtrip(
            {"layer": kind(jax.numpy.ones(2), 3, function)},
            save=_save,
            load=lambda path: _load(path, {"layer": kind(None, 0, function)}),
        )
