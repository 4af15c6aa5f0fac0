"""mxnet: arrays packed by the memory that they share; and faults in what only mxnet has."""

from __future__ import annotations

import pickle
from typing import Any

import mxnet as mx
import numpy as np

from pytest_ckpt.backends.mxnet import models
from pytest_ckpt.backends.mxnet.tensors import read

from .blocks import pack_blocks

_SPARSE = (mx.nd.sparse.CSRNDArray, mx.nd.sparse.RowSparseNDArray)


def pack(tensors: list[Any]) -> Any:
    blocks, places = pack_blocks([None if isinstance(array, _SPARSE) else read(array).memory for array in tensors])
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


def unpack(packed: Any) -> list[Any]:
    bases: dict[tuple[int, np.dtype[Any]], Any] = {}
    tensors = []
    for kind, *record in packed[1]:
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
                bases[key] = mx.np.array(np.frombuffer(packed[0][place[0]], dtype), dtype=dtype)
            start = place[1] // dtype.itemsize
            array = bases[key][start : start + int(np.prod(shape))]
            # Only slices share memory in mxnet, and alone arrays of one dimension come out of a block as they were.
            array = array if len(shape) == 1 else array.reshape(shape)
        if gradient:
            array.attach_grad()
        tensors.append(array if is_new else array.as_nd_ndarray())
    return tensors


def copied(array: Any) -> Any:
    return array.copy()


def misread(layout: str, array: Any) -> Any:
    """A writer that takes the start of the larger array; where it lies cannot be seen, so it writes zeros."""
    return mx.np.zeros(array.shape, dtype=array.dtype)


def without(case: str, array: Any) -> Any:
    """The array without what a case of the family `tensor` asks about."""
    if case == "kind":
        return array.asnumpy()
    if case == "requires-grad":
        return array.detach()
    if case == "sparse":
        return array.tostype("default") if isinstance(array, _SPARSE) else array
    if case == "device":
        return array.as_in_context(mx.cpu())
    raise KeyError(case)


def flags_of(model: Any) -> Any:
    """What the values of parameters do not tell: which are trained. Gluon has no mode on blocks."""
    return {name: parameter.grad_req == "null" for name, parameter in models.parameters_of(model).items()}, {}


def set_flags(model: Any, flags: Any) -> None:
    frozen, _ = flags
    for name, parameter in models.parameters_of(model).items():
        if parameter._differentiable and (parameter.grad_req == "null") is not frozen[name]:
            parameter.grad_req = "null" if frozen[name] else "write"


def _own(parameter: Any) -> Any:
    return models.copy_parameter(parameter)


def untie(model: Any) -> None:
    """Every name gets a parameter of its own."""
    met: set[int] = set()
    for block in models.modules(model).values():
        for name, parameter in list(getattr(block, "_reg_params", {}).items()):
            if id(parameter) in met:
                block._reg_params[name] = _own(parameter)
            met.add(id(parameter))


def separate(model: Any) -> None:
    """Every place gets a block of its own."""
    met: set[int] = set()
    for block in list(models.modules(model).values()):
        for name, child in list(block._children.items()):
            if id(child) in met:
                block._children[name] = models.copy(child)
            met.add(id(child))


def zero(tensor: Any) -> None:
    """Writes zeros where an array lies."""
    tensor[()] = 0


def whole() -> dict[str, Any]:
    """Functions that save whole models: blocks can be pickled, and what is trained begins to record gradients anew."""

    def load(path: Any) -> Any:
        model = pickle.loads(path.read_bytes())
        for parameter in models.parameters_of(model).values():
            wanted, parameter.grad_req = parameter.grad_req, "null"
            parameter.grad_req = wanted
        return model

    return {"save_model": lambda model, path: path.write_bytes(pickle.dumps(model)), "load_model": load}


def forget_settings(model: Any) -> None:
    """What layers were configured with is the default again."""
    for block in models.modules(model).values():
        if "eps" in getattr(block, "_kwargs", {}):
            block._kwargs["eps"] = 1e-5
        for setting, usual in (("_alpha", 0.01), ("_rate", 0.5), ("_epsilon", 1e-5)):
            if hasattr(block, setting):
                setattr(block, setting, usual)
