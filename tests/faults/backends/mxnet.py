"""MXNet: lossless serialization of arrays, and faults in features that only MXNet has."""

from __future__ import annotations

import pickle
from typing import Any

import mxnet as mx
import numpy as np

from pytest_ckpt.backends.mxnet import models
from pytest_ckpt.backends.mxnet.tensors import read

from .shared_memory import copy_memory_blocks

_SPARSE = (mx.nd.sparse.CSRNDArray, mx.nd.sparse.RowSparseNDArray)


def serialize(tensors: list[Any]) -> Any:
    blocks, places = copy_memory_blocks([None if isinstance(array, _SPARSE) else read(array).memory for array in tensors])
    records: list[Any] = []
    for array, place in zip(tensors, places, strict=True):
        if isinstance(array, mx.nd.sparse.CSRNDArray):
            records.append(("csr", array.data.asnumpy(), array.indices.asnumpy(), array.indptr.asnumpy(), array.shape))
        elif isinstance(array, mx.nd.sparse.RowSparseNDArray):
            records.append(("rows", array.data.asnumpy(), array.indices.asnumpy(), array.shape))
        else:
            is_new = isinstance(array, mx.np.ndarray)
            records.append(("dense", place, tuple(array.shape), np.dtype(array.dtype), array.grad is not None, is_new))
    return blocks, records


def deserialize(serialized: Any) -> list[Any]:
    bases: dict[tuple[int, np.dtype[Any]], Any] = {}
    tensors = []
    for kind, *record in serialized[1]:
        if kind == "csr":
            tensors.append(mx.nd.sparse.csr_matrix(tuple(record[:3]), shape=record[3]))
            continue
        if kind == "rows":
            tensors.append(mx.nd.sparse.row_sparse_array(tuple(record[:2]), shape=record[2]))
            continue
        place, shape, dtype, gradient, is_new = record
        if place is None:
            array = mx.np.zeros(shape, dtype=dtype)
        else:
            key = (place[0], dtype)
            if key not in bases:
                bases[key] = mx.np.array(np.frombuffer(serialized[0][place[0]], dtype), dtype=dtype)
            start = place[1] // dtype.itemsize
            array = bases[key][start : start + int(np.prod(shape))]
            # Only slices share memory in MXNet, and a slice of a block has one dimension.
            array = array if len(shape) == 1 else array.reshape(shape)
        if gradient:
            array.attach_grad()
        tensors.append(array if is_new else array.as_nd_ndarray())
    return tensors


def copy_tensor(array: Any) -> Any:
    return array.copy()


def ignore_layout(layout: str, array: Any) -> Any:
    """Return zeros: MXNet does not tell where a slice starts, so no real misreading can be made."""
    return mx.np.zeros(array.shape, dtype=array.dtype)


def drop_property(case: str, array: Any) -> Any:
    """Return the array without the property that a case of the family `tensor` tests."""
    if case == "class":
        return array.asnumpy()
    if case == "requires-grad":
        return array.detach()
    if case == "sparse":
        return array.tostype("default") if isinstance(array, _SPARSE) else array
    if case == "device":
        return array.as_in_context(mx.cpu())
    raise KeyError(case)


def flags_of(model: Any) -> Any:
    """Return which parameters are frozen. Gluon blocks have no training mode."""
    return {name: parameter.grad_req == "null" for name, parameter in models.parameters_of(model).items()}, {}


def set_flags(model: Any, flags: Any) -> None:
    frozen, _ = flags
    for name, parameter in models.parameters_of(model).items():
        if parameter._differentiable and (parameter.grad_req == "null") is not frozen[name]:
            parameter.grad_req = "null" if frozen[name] else "write"


def untie(model: Any) -> None:
    """Copy shared parameters, so that each name has a separate parameter."""
    seen: set[int] = set()
    for block in models.modules(model).values():
        for name, parameter in list(getattr(block, "_reg_params", {}).items()):
            if id(parameter) in seen:
                block._reg_params[name] = models.copy_parameter(parameter)
            seen.add(id(parameter))


def copy_shared_modules(model: Any) -> None:
    """Copy shared blocks, so that each name has a separate block."""
    seen: set[int] = set()
    for block in list(models.modules(model).values()):
        for name, child in list(block._children.items()):
            if id(child) in seen:
                block._children[name] = models.copy(child)
            seen.add(id(child))


def whole_model_functions() -> dict[str, Any]:
    """Return functions that save and load whole models, by pickle.

    Loading sets `grad_req` again, because an unpickled parameter records no gradients.
    """

    def load(path: Any) -> Any:
        model = pickle.loads(path.read_bytes())
        for parameter in models.parameters_of(model).values():
            wanted, parameter.grad_req = parameter.grad_req, "null"
            parameter.grad_req = wanted
        return model

    return {"save_model": lambda model, path: path.write_bytes(pickle.dumps(model)), "load_model": load}


def reset_settings(model: Any) -> None:
    """Reset the settings of all layers to the defaults."""
    for block in models.modules(model).values():
        if "eps" in getattr(block, "_kwargs", {}):
            block._kwargs["eps"] = 1e-5
        for setting, default in (("_alpha", 0.01), ("_rate", 0.5), ("_epsilon", 1e-5)):
            if hasattr(block, setting):
                setattr(block, setting, default)
