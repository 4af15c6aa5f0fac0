"""Build and read arrays of MXNet 1.9: arrays of `mxnet.np`, and of `mxnet.nd` with the trait
"legacy".

MXNet computes arrays asynchronously, so every access to memory waits for the result first.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

import mxnet as mx
import numpy as np
from mxnet.base import _LIB, check_call

from ...specs import DTYPES, TensorSpec, capabilities_of, dtypes_of
from ...specs.layouts import WINDOW
from .. import spec_values
from ..base import CannotBuild, Reading, missing_capability
from ..memory import Memory, view_as_words

name = "mxnet"
package = "mxnet"
capabilities = capabilities_of(name)

_SPARSE = ("sparse-csr", "sparse-rows")


def version() -> str:
    return str(mx.__version__)


def dtypes() -> tuple[str, ...]:
    return dtypes_of(name)


def refusal(spec: TensorSpec) -> str | None:
    if spec.dtype not in capabilities.dtypes:
        return f"mxnet {version()} cannot create arrays of dtype {spec.dtype}"
    if (spec.shape == () or 0 in spec.shape) and not mx.util.is_np_shape():
        return f"mxnet supports the shape {spec.shape} only with numpy semantics (npx.set_np), which are off"
    if spec.layout != "c" and 0 in spec.shape:
        return "mxnet cannot slice an empty array"
    if len(spec.shape) > 32:
        return f"mxnet cannot convert arrays with {len(spec.shape)} dimensions to numpy arrays"
    if reason := missing_capability(spec, name, capabilities):
        return reason
    if "accelerator" in spec.traits and not mx.context.num_gpus():
        return "mxnet found no accelerator on this machine"
    if "requires-grad" in spec.traits and DTYPES[spec.dtype].kind != "float":
        return f"mxnet supports gradients only for floating-point arrays, not for {spec.dtype}"
    sparse = [trait for trait in spec.traits if trait in _SPARSE]
    if sparse and (spec.dtype != "float32" or len(spec.shape) != 2 or 0 in spec.shape):
        return f"arrays with the trait {sparse[0]!r} must be float32, two-dimensional and not empty"
    return None


def build(spec: TensorSpec) -> Any:
    if reason := refusal(spec):
        raise CannotBuild(reason)
    if any(trait in _SPARSE for trait in spec.traits):
        return _sparse(spec)
    array = _filled(spec)
    if "accelerator" in spec.traits:
        array = array.as_in_ctx(mx.gpu())
    if "requires-grad" in spec.traits:
        array.attach_grad()
    return array.as_nd_ndarray() if "legacy" in spec.traits else array


def _filled(spec: TensorSpec) -> Any:
    """Return an array with the values of the spec; with a layout other than "c", as the last rows
    of a larger array.
    """
    words = spec_values.words(spec.dtype, spec.shape, spec.fill)
    before = 0
    if spec.layout != "c":
        before = 3 if spec.layout == "offset" else max(1, WINDOW // max(1, words[0].size))
    shape = (before + spec.shape[0], *spec.shape[1:]) if before else spec.shape
    base = mx.np.zeros(shape, dtype=spec.dtype) if before or not words.size else mx.np.empty(shape, dtype=spec.dtype)
    if words.size:
        ctypes.memmove(_address(base) + before * words[0].nbytes if before else _address(base), words.ctypes.data, words.nbytes)
    return base[before:] if before else base


def _address(array: Any) -> int:
    """Return the address of the elements, after they have been computed."""
    array.wait_to_read()
    pointer = ctypes.c_void_p()
    check_call(_LIB.MXNDArrayGetData(array.handle, ctypes.byref(pointer)))
    return pointer.value or 0


def _sparse(spec: TensorSpec) -> Any:
    stored = spec_values.sparse_mask(spec.shape, spec.fill.seed)
    dense = spec_values.words(spec.dtype, spec.shape, spec.fill).view(np.float32)
    if "sparse-rows" in spec.traits:
        rows = np.flatnonzero(stored.any(axis=1))
        return mx.nd.sparse.row_sparse_array((dense[rows], rows), shape=spec.shape)
    ends = np.concatenate([[0], stored.sum(axis=1).cumsum()])
    return mx.nd.sparse.csr_matrix((dense[stored], np.nonzero(stored)[1], ends), shape=spec.shape)


def view(tensor: Any, start: int, stop: int) -> Any:
    return tensor[start:stop]


def overwrite(tensor: Any, other: Any) -> bool:
    # An array without dimensions accepts only this index.
    tensor[() if tensor.ndim == 0 else slice(None)] = other
    return True


def owns(leaf: Any) -> bool:
    return isinstance(leaf, mx.nd.NDArray)


def read(tensor: Any) -> Reading:
    """Read an array, and whether autograd records gradients for it.

    An array does not show its ``grad_req``.
    """
    dtype = np.dtype(tensor.dtype).name
    shape = tuple(tensor.shape)
    if isinstance(tensor, mx.nd.sparse.CSRNDArray):
        parts = {"values": tensor.data, "columns": tensor.indices, "rows": tensor.indptr}
        return Reading(dtype, shape, "mxnet.nd.CSRNDArray", parts=parts)
    if isinstance(tensor, mx.nd.sparse.RowSparseNDArray):
        return Reading(dtype, shape, "mxnet.nd.RowSparseNDArray", parts={"values": tensor.data, "rows": tensor.indices})
    flags: dict[str, Any] = {}
    if tensor.ctx.device_type != "cpu":
        flags["device"] = str(tensor.ctx)
        tensor = tensor.as_in_context(mx.cpu())
    if tensor.grad is not None:
        flags["requires-grad"] = True
    kind = "mxnet.np.ndarray" if isinstance(tensor, mx.np.ndarray) else "mxnet.nd.NDArray"
    size = np.dtype(tensor.dtype).itemsize
    strides = [1]
    for length in reversed(shape[1:]):
        strides.insert(0, strides[0] * length)
    reading = Reading(dtype, shape, kind, flags=flags, strides=tuple(strides) if shape else ())
    address = 0 if 0 in shape else _address(tensor)
    reading.memory = Memory(address, shape, tuple(stride * size for stride in reading.strides or ()), size)
    row = DTYPES.get(dtype)
    reading.words = view_as_words(tensor, reading.memory, row.word if row else 8, row.words if row else size)
    return reading


@contextlib.contextmanager
def _np_semantics() -> Iterator[None]:
    """Activate numpy semantics for shapes and arrays.

    Errors of the asynchronous engine are raised on exit at the latest.
    """
    with mx.util.np_shape(True), mx.util.np_array(True):
        yield
        mx.nd.waitall()


def scope() -> contextlib.AbstractContextManager[Any]:
    return _np_semantics()


def narrow() -> contextlib.AbstractContextManager[Any]:
    raise CannotBuild("mxnet always has 64-bit types")
