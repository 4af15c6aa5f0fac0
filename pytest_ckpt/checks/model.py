"""The family `model`: a fresh clone of a network gets the parameters, and then gives the same outputs."""

from __future__ import annotations

from collections.abc import Iterator

from ..specs import Dense, ModelSpec, Spec
from ..specs.dtypes import JAX, MXNET, TENSORFLOW, TORCH
from .base import CORE, Asking, check

_JUDGES = {"values", "nan-payload", "dtype", "shape", "keys", "container", "flags", "kind"}


@check("model/dense", level=CORE, judges=_JUDGES, backends=(TORCH, TENSORFLOW, JAX, MXNET))
def dense(asking: Asking) -> Iterator[Spec]:
    """A perceptron of two layers is saved and loaded into a fresh clone with other parameters: state, then outputs.

    Where the framework has layers that learn their input size at the first call, these are used.

    Why: weights that are not loaded leave a model that runs and is wrong (tensorflow/tensorflow#43777,
    pytorch/examples#1029).
    What to do: raise for every parameter that the file does not name.
    """
    yield ModelSpec((Dense(3, "relu"), Dense(2)), inputs=2)
    yield ModelSpec((Dense(256, "relu"), Dense(10)), inputs=20, seed=2)
