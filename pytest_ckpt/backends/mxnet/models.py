"""Networks of MXNet: `mxnet.gluon.Block`."""

from __future__ import annotations

import contextlib
import copy as copies
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import mxnet as mx
import numpy as np

from ...specs import ModelSpec
from ..base import CannotBuild, stable
from ..model_base import ModelReading, call_with, fill_spec
from . import layers, tensors

name = "mxnet"

#: What every block keeps about itself, whatever it was configured with.
_MACHINERY = frozenset({*vars(mx.gluon.HybridBlock(prefix="")), "skip_states", "example"})


def owns(obj: Any) -> bool:
    return isinstance(obj, mx.gluon.Block)


def build(spec: ModelSpec) -> Any:
    if why := spec.refusal(name):
        raise CannotBuild(why)
    for here in spec.every():
        if here.layer.dtype not in tensors.dtypes():
            raise CannotBuild(f"mxnet {tensors.version()} cannot create parameters of dtype {here.layer.dtype}")
    with tensors.scope():
        model = layers.network(spec.placed)
        # Zeros, so that no random generator is asked: the values are set afterwards.
        model.initialize(mx.init.Zero())
        # To be exported, a model has to be called: this is what it can be fed.
        model.example = tensors.build(spec.input_spec())
        if not spec.fresh:
            run(model, model.example)
        _fill(model, spec)
    return model


def _fill(model: Any, spec: ModelSpec) -> None:
    """Draws the values of all parameters that have a shape."""
    for index, (key, parameter) in enumerate(distinct(model).items()):
        if parameter._data is not None:
            filled = tensors.build(fill_spec(spec, index, np.dtype(parameter.dtype).name, tuple(parameter.shape)))
            parameter.set_data(mx.np.abs(filled) if key.endswith("running_var") else filled)


def parameters_of(model: Any) -> dict[str, Any]:
    """Every parameter under the names that `save_parameters` writes, which hold no counters; those of an imported graph, whose
    names that method cuts short, under the names in its file."""
    if isinstance(model, mx.gluon.SymbolBlock):
        return dict(model.params.items())
    return dict(model._collect_params_with_prefix())


def distinct(model: Any) -> dict[str, Any]:
    """The same, and one that has several names stands under the first of them alone."""
    found: dict[int, tuple[str, Any]] = {}
    for key, parameter in parameters_of(model).items():
        found.setdefault(id(parameter), (key, parameter))
    return dict(found.values())


def _data(model: Any) -> dict[str, Any]:
    """The arrays of all parameters that have one; of a parameter with several names, the very same object."""
    arrays: dict[int, Any] = {}
    found = {}
    for key, parameter in parameters_of(model).items():
        if parameter._data is not None:
            found[key] = arrays.setdefault(id(parameter), parameter._data[0].detach())
    return found


def state(model: Any) -> Any:
    """Without the parameters that have no shape yet: `save_parameters` refuses to write a model that has such."""
    return _data(model)


def load_state(model: Any, state: Any) -> None:
    """Raises ValueError where names, shapes or dtypes are not the model's; a dimension that it does not know yet fits any."""
    own = parameters_of(model)
    if set(own) != set(state):
        raise ValueError(f"the state has the names {sorted(state)}, the model {sorted(own)}")
    for key, parameter in own.items():
        came, dtype = tuple(state[key].shape), np.dtype(parameter.dtype)
        if len(came) != len(parameter.shape) or any(size not in (-1, 0, given) for size, given in zip(parameter.shape, came, strict=True)):
            raise ValueError(f"{key!r} has the shape {came} in the state, and {tuple(parameter.shape)} in the model")
        if np.dtype(state[key].dtype) != dtype:
            raise ValueError(f"{key!r} is of {state[key].dtype} in the state, and of {dtype} in the model")
    for key, parameter in own.items():
        if parameter._data is None:
            parameter.shape = tuple(state[key].shape)
            parameter.initialize(mx.init.Zero())
        parameter.set_data(state[key])


def read(model: Any) -> ModelReading:
    """Parameters that have no shape yet stand there as a text. What is not trained is seen by what autograd knows, and not by
    what the parameter says of itself."""
    parameters, arrays = parameters_of(model), _data(model)
    return ModelReading(
        tensors={key: arrays.get(key, f"not initialized, {each.shape}") for key, each in parameters.items()},
        frozen={key: each.grad_req == "null" if each._data is None else each._data[0].grad is None for key, each in parameters.items()},
        settings={key: f"{type(block).__qualname__}({_settings(block)})" for key, block in modules(model).items()},
        known=(*parameters.values(), *(holder for block in modules(model).values() for holder in _holders(block))),
    )


def _holders(block: Any) -> list[Any]:
    """Where a block keeps its parameters."""
    return [block._params, block.params, getattr(block, "_reg_params", None), block._children]


def _settings(block: Any) -> str:
    own = {key: value for key, value in vars(block).items() if key not in _MACHINERY}
    plain = {key: value for key, value in own.items() if not isinstance(value, mx.gluon.Block | mx.gluon.Parameter)}
    return ", ".join(f"{key.lstrip('_')}={stable(value)}" for key, value in sorted(plain.items()))


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
    """Numpy's semantics where the model's arrays are of `mxnet.np`, MXNet's own where they are not. An imported graph has arrays of
    the older kind under both, and one that has none does not tell."""
    arrays = _data(model).values()
    numpy = any(isinstance(array, mx.np.ndarray) for array in arrays)
    if not numpy and (not arrays or isinstance(model, mx.gluon.SymbolBlock)):
        numpy = mx.util.is_np_array()
    # Numpy's arrays are not allowed without its shapes, not even in between.
    outer, inner = (mx.util.np_shape, mx.util.np_array) if numpy else (mx.util.np_array, mx.util.np_shape)
    with outer(numpy), inner(numpy):
        yield
        # What goes wrong in the background is to surface here.
        mx.nd.waitall()


def run(model: Any, inputs: Any) -> Any:
    with _semantics_of(model), mx.autograd.pause(train_mode=False):
        if isinstance(inputs, Mapping):  # blocks take no names
            inputs = inspect.signature(model.forward).bind(**inputs).args
        return call_with(model, inputs)


def copy(model: Any) -> Any:
    """A deep copy alone would train nothing, since autograd does not know the copied parameters, and fails where the model has
    been hybridized."""
    memo: dict[int, Any] = {}
    with _semantics_of(model):
        for parameter in distinct(model).values():
            memo[id(parameter)] = _copied(parameter)
        for block in modules(model).values():
            if isinstance(block, mx.gluon.HybridBlock):
                # The graph is immutable; the compiled one is made anew from it at the next call.
                memo[id(block._cached_op)] = None
                memo[id(block._cached_graph)] = block._cached_graph
        return copies.deepcopy(model, memo)


def _copied(parameter: Any) -> Any:
    copied = copies.copy(parameter)
    copied._trainer = None
    copied._data, copied._grad = (None if each is None else [array.copy() for array in each] for each in (parameter._data, parameter._grad))
    if copied._grad is not None:
        mx.autograd.mark_variables(copied._data, copied._grad, copied.grad_req)
    return copied


def make_unsavable(model: Any) -> None:
    """A parameter that was never initialized has nothing to save."""
    last = list(distinct(model).values())[-1]
    last._data = last._grad = None
    last._deferred_init = ()
