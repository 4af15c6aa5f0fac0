"""Draw real objects: a backend builds each from a spec that another module of this package draws.

A falsifying example of Hypothesis also prints that spec, because the object alone does not show how
it was made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import note, reject
from hypothesis import strategies as st

from ..backends import check_name, get_backend, get_models, get_training
from ..backends.base import CannotBuild
from ..backends.training_base import preserve_rng
from ..backends.tree_builder import build_tree
from ..specs import ModelSpec, Spec, TrainingSpec
from ..util.suggestions import nearest
from .model_strategies import model_specs
from .tensor_strategies import dict_specs, list_specs, tensor_specs
from .training_strategies import training_specs
from .tree_strategies import tree_specs

_S = TypeVar("_S", bound=Spec)


def tensors(backend: str, **narrow: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of tensors of ``backend``; keywords are those of `tensor_specs`."""
    return _trees(backend, tensor_specs(backend, **narrow))


def lists(backend: str, **narrow: Any) -> st.SearchStrategy[list[Any]]:
    """Return a strategy of flat lists of tensors; keywords are those of `list_specs`."""
    return _trees(backend, list_specs(backend, **narrow))


def dicts(backend: str, **narrow: Any) -> st.SearchStrategy[dict[Any, Any]]:
    """Return a strategy of flat dicts of tensors; keywords are those of `dict_specs`."""
    return _trees(backend, dict_specs(backend, **narrow))


def trees(backend: str, **narrow: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of nested containers with tensors and plain values as leaves.

    Keywords are those of `tree_specs`.
    """
    return _trees(backend, tree_specs(backend, **narrow))


def models(backend: str, **narrow: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of models of ``backend``, each with at least one layer with parameters.

    Keywords are those of `model_specs`.
    """

    def build(spec: ModelSpec) -> Any:
        found = get_models(backend)
        assert found is not None
        try:
            return found.build(spec)
        except CannotBuild:
            reject()

    return _built(model_specs(backend, **narrow), build)


def training_runs(backend: str, **narrow: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of training runs of ``backend`` that have done their first steps.

    Keywords are those of `training_specs`. Training may use the global random generators of the
    process; they are put back afterwards.
    """

    def build(spec: TrainingSpec) -> Any:
        found = get_training(backend)
        assert found is not None
        with preserve_rng(found):
            try:
                run = found.build(spec)
            except CannotBuild:
                reject()
            run.train(spec.before)
        return run

    return _built(training_specs(backend, **narrow), build)


_OFFERED = {
    make.__name__: make
    for make in (
        tensors, lists, dicts, trees, models, training_runs,
        tensor_specs, list_specs, dict_specs, tree_specs, model_specs, training_specs,
    )
}  # fmt: skip


class BackendStrategies:
    """The strategies of one backend: the value of the fixture ``ckpt_strategies``.

    Each strategy is an attribute that takes the keywords of the function of the same name, without
    the name of the backend: ``BackendStrategies("torch").tensors(dtypes=["float32"])``.
    """

    def __init__(self, backend: str) -> None:
        check_name(backend)
        self.backend = backend

    def __repr__(self) -> str:
        return f"strategies for {self.backend}"

    def __getattr__(self, name: str) -> Callable[..., st.SearchStrategy[Any]]:
        if name not in _OFFERED:
            raise AttributeError(f"no strategy {name!r}: {nearest(name, _OFFERED)}")
        return functools.partial(_OFFERED[name], self.backend)


class _BuiltFrom:
    """A note that a falsifying example prints next to the object: the spec that it was built from."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def __repr__(self) -> str:
        return f"built from {self.spec!r}"


def _built(specs: st.SearchStrategy[_S], build: Callable[[_S], Any]) -> st.SearchStrategy[Any]:
    def make(spec: _S) -> Any:
        note(_BuiltFrom(spec))
        return build(spec)

    return specs.map(make)


def _trees(backend: str, specs: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return _built(specs, lambda spec: build_tree(spec, get_backend(backend)))
