"""Build and read models of MXNet: `mxnet.gluon.Block`."""

from __future__ import annotations

import contextlib
import copy as copy_module
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import mxnet as mx
import numpy as np

from ...specs import ModelSpec
from ..base import CannotBuild, stable_repr
from ..model_base import ModelReading, call_with, fill_spec
from . import layers, tensors

name = "mxnet"

#: Attributes of every block that are not part of its configuration.
_NOT_SETTINGS = frozenset({*vars(mx.gluon.HybridBlock(prefix="")), "skip_states", "example"})


def owns(obj: Any) -> bool:
    return isinstance(obj, mx.gluon.Block)


def build(spec: ModelSpec) -> Any:
    if reason := spec.refusal(name):
        raise CannotBuild(reason)
    for here in spec.all_layers():
        if here.layer.dtype not in tensors.dtypes():
            raise CannotBuild(f"mxnet {tensors.version()} cannot create parameters of dtype {here.layer.dtype}")
    with tensors.scope():
        model = layers.network(spec.placed)
        # Zeros, so that no random numbers are drawn. The values are set afterwards.
        model.initialize(mx.init.Zero())
        # Exporting requires a call first, see `ModelBackend.build`.
        model.example = tensors.build(spec.input_spec())
        if not spec.fresh:
            run(model, model.example)
        _fill(model, spec)
    return model


def _fill(model: Any, spec: ModelSpec) -> None:
    """Set the values of all parameters that have a shape."""
    for index, (key, parameter) in enumerate(distinct(model).items()):
        if parameter._data is not None:
            filled = tensors.build(fill_spec(spec, index, np.dtype(parameter.dtype).name, tuple(parameter.shape)))
            parameter.set_data(mx.np.abs(filled) if key.endswith("running_var") else filled)


def parameters_of(model: Any) -> dict[str, Any]:
    """Return all parameters, by the names that `save_parameters` writes, since these contain no
    counters.

    For an imported graph, `save_parameters` truncates the names, so the names in its file are used.
    """
    if isinstance(model, mx.gluon.SymbolBlock):
        return dict(model.params.items())
    return dict(model._collect_params_with_prefix())


def distinct(model: Any) -> dict[str, Any]:
    """Return all parameters, each only under the first of its names."""
    found: dict[int, tuple[str, Any]] = {}
    for key, parameter in parameters_of(model).items():
        found.setdefault(id(parameter), (key, parameter))
    return dict(found.values())


def _data(model: Any) -> dict[str, Any]:
    """Return the arrays of all initialized parameters.

    A parameter with several names has one array object.
    """
    arrays: dict[int, Any] = {}
    found = {}
    for key, parameter in parameters_of(model).items():
        if parameter._data is not None:
            found[key] = arrays.setdefault(id(parameter), parameter._data[0].detach())
    return found


def state(model: Any) -> Any:
    """Parameters without a shape are left out.

    `save_parameters` raises for a model that has any.
    """
    return _data(model)


def load_state(model: Any, state: Any) -> None:
    """Raises ValueError if names, shapes or dtypes differ.

    A dimension that the model does not know yet fits any length.
    """
    own = parameters_of(model)
    if set(own) != set(state):
        raise ValueError(f"the state has the names {sorted(state)}, but the model has {sorted(own)}")
    for key, parameter in own.items():
        shape, dtype = tuple(state[key].shape), np.dtype(parameter.dtype)
        if len(shape) != len(parameter.shape) or any(
            size not in (-1, 0, given) for size, given in zip(parameter.shape, shape, strict=True)
        ):
            raise ValueError(f"{key!r} has the shape {shape} in the state, but {tuple(parameter.shape)} in the model")
        if np.dtype(state[key].dtype) != dtype:
            raise ValueError(f"{key!r} has the dtype {state[key].dtype} in the state, but {dtype} in the model")
    for key, parameter in own.items():
        if parameter._data is None:
            parameter.shape = tuple(state[key].shape)
            parameter.initialize(mx.init.Zero())
        parameter.set_data(state[key])


def read(model: Any) -> ModelReading:
    """Parameters without a shape are read as a text.

    Whether a parameter is frozen is read from autograd, because the parameter's ``grad_req`` may
    disagree with it.
    """
    parameters, arrays = parameters_of(model), _data(model)
    return ModelReading(
        tensors={key: arrays.get(key, f"not initialized, {each.shape}") for key, each in parameters.items()},
        frozen={key: each.grad_req == "null" if each._data is None else each._data[0].grad is None for key, each in parameters.items()},
        settings={key: f"{type(block).__qualname__}({_settings(block)})" for key, block in modules(model).items()},
        tracked=(*parameters.values(), *(holder for block in modules(model).values() for holder in _holders(block))),
    )


def _holders(block: Any) -> list[Any]:
    """Return the objects in which a block holds its parameters."""
    return [block._params, block.params, getattr(block, "_reg_params", None), block._children]


def _settings(block: Any) -> str:
    own = {key: value for key, value in vars(block).items() if key not in _NOT_SETTINGS}
    plain = {key: value for key, value in own.items() if not isinstance(value, mx.gluon.Block | mx.gluon.Parameter)}
    return ", ".join(f"{key.lstrip('_')}={stable_repr(value)}" for key, value in sorted(plain.items()))


def modules(model: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {}

    def walk(block: Any, path: str) -> None:
        found[path] = block
        for key, child in block._children.items():
            walk(child, f"{path}.{key}" if path else key)

    walk(model, "")
    return found


@contextlib.contextmanager
def _semantics_of(model: Any) -> Iterator[None]:
    """Activate numpy semantics if the model's arrays are of `mxnet.np`, and MXNet's legacy
    semantics otherwise.

    The current semantics stay for an imported graph, which has legacy arrays under both, and for a
    model without arrays.
    """
    arrays = _data(model).values()
    numpy = any(isinstance(array, mx.np.ndarray) for array in arrays)
    if not numpy and (not arrays or isinstance(model, mx.gluon.SymbolBlock)):
        numpy = mx.util.is_np_array()
    # MXNet never allows np_array without np_shape, so the order of the two depends on the
    # direction.
    outer, inner = (mx.util.np_shape, mx.util.np_array) if numpy else (mx.util.np_array, mx.util.np_shape)
    with outer(numpy), inner(numpy):
        yield
        # Errors of the asynchronous engine must be raised here.
        mx.nd.waitall()


def run(model: Any, inputs: Any) -> Any:
    with _semantics_of(model), mx.autograd.pause(train_mode=False):
        if isinstance(inputs, Mapping):  # blocks accept only positional arguments
            inputs = inspect.signature(model.forward).bind(**inputs).args
        return call_with(model, inputs)


def copy(model: Any) -> Any:
    """A plain deepcopy is not enough: it fails for a hybridized model, and autograd does not know
    its parameters.
    """
    memo: dict[int, Any] = {}
    with _semantics_of(model):
        for parameter in distinct(model).values():
            memo[id(parameter)] = copy_parameter(parameter)
        for block in modules(model).values():
            if isinstance(block, mx.gluon.HybridBlock):
                # The graph is immutable, so both models share it. The next call compiles it again.
                memo[id(block._cached_op)] = None
                memo[id(block._cached_graph)] = block._cached_graph
        return copy_module.deepcopy(model, memo)


def copy_parameter(parameter: Any) -> Any:
    """Return a copy of a parameter, with its own array and gradient, and without its trainer."""
    copied = copy_module.copy(parameter)
    copied._trainer = None
    copied._data, copied._grad = (None if each is None else [array.copy() for array in each] for each in (parameter._data, parameter._grad))
    if copied._grad is not None:
        mx.autograd.mark_variables(copied._data, copied._grad, copied.grad_req)
    return copied


def make_unsavable(model: Any) -> None:
    """Gluon raises when it saves a parameter that was never initialized."""
    last = list(distinct(model).values())[-1]
    last._data = last._grad = None
    last._deferred_init = ()
