"""The backend for PyTorch. Its placeholder types int1 to uint7 are left out: they have no kernels, not even a copy."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from typing import Any

import numpy as np
import torch

from ...specs import DTYPES, DType, TensorSpec, capabilities_of, dtypes_of
from ...specs.layouts import WINDOW
from .. import spec_values
from ..base import TAG, CannotBuild, Memory, Reading, attribute_flags, words_at

name = "torch"
package = "torch"
capabilities = capabilities_of(name)

#: Integers (or the one type of sixteen bytes) that elements are moved about as, so that no bit of them is touched.
_CARRIERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}
_GRADIENT_KINDS = ("float", "complex")
_SPARSE = ("sparse-coo", "sparse-uncoalesced", "sparse-hybrid", "sparse-csr", "sparse-csc", "sparse-bsr", "sparse-bsc")
#: Traits of quantized tensors, and the integers that they are made of.
_QUANTIZED = {"quantized": "int8", "quantized-uint8": "uint8", "quantized-int32": "int32", "quantized-per-channel": "int8"}
_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)
#: Parameters and buffers of lazy layers, of which not even the shape is known.
_Uninitialized = torch.nn.parameter.UninitializedTensorMixin


class TaggedTensor(torch.Tensor):  # type: ignore[misc]
    """The subclass that the trait "subclass" builds, with an attribute on each instance."""


def version() -> str:
    return str(torch.__version__)


def dtypes() -> tuple[str, ...]:
    return tuple(dtype for dtype in dtypes_of(name) if isinstance(getattr(torch, dtype, None), torch.dtype))


def refusal(spec: TensorSpec) -> str | None:
    if spec.dtype not in capabilities.dtypes or not isinstance(getattr(torch, spec.dtype, None), torch.dtype):
        return f"torch {version()} here has no dtype {spec.dtype}"
    if spec.layout not in capabilities.layouts:
        return f"torch has no layout {spec.layout!r}"
    if len(spec.shape) > 64:
        return f"torch has no tensors with {len(spec.shape)} dimensions"
    for trait in spec.traits:
        if trait not in capabilities.traits:
            return f"torch has no tensors with the trait {trait!r}"
    if "accelerator" in spec.traits and not torch.cuda.is_available():
        return "torch sees no accelerator here"
    if {"requires-grad", "parameter"} & {*spec.traits} - {"frozen"} and DTYPES[spec.dtype].kind not in _GRADIENT_KINDS:
        return f"torch records gradients for floating-point and complex tensors, not for {spec.dtype}"
    special = [trait for trait in spec.traits if trait in (*_SPARSE, *_QUANTIZED)]
    if special and (spec.dtype != "float32" or spec.layout != "c" or len(spec.shape) != 2 or 0 in spec.shape):
        return f"tensors with the trait {special[0]!r} are built of float32, in plain layout, with two dimensions and at least one element"
    return None


def build(spec: TensorSpec) -> Any:
    if why := refusal(spec):
        raise CannotBuild(why)
    if any(trait in _SPARSE for trait in spec.traits):
        return _sparse(spec)
    if any(trait in _QUANTIZED for trait in spec.traits):
        return _quantized(spec)
    block = (1, *spec.shape[1:]) if spec.layout == "broadcast" else spec.shape
    tensor = _arranged(_filled(DTYPES[spec.dtype], block, spec), spec.layout, spec.shape).view(getattr(torch, spec.dtype))
    if spec.layout == "conj":
        tensor = tensor.conj()
    elif spec.layout == "neg":
        tensor = torch._neg_view(tensor)
    if "accelerator" in spec.traits:
        tensor = tensor.cuda()
    if "subclass" in spec.traits:
        tensor = tensor.as_subclass(TaggedTensor)
    if "parameter" in spec.traits:
        tensor = torch.nn.Parameter(tensor, requires_grad="frozen" not in spec.traits)
    elif "requires-grad" in spec.traits:
        tensor.requires_grad_()
    if "subclass" in spec.traits:
        tensor.tag = TAG
    return tensor


def _filled(row: DType, shape: tuple[int, ...], spec: TensorSpec) -> Any:
    """A dense tensor of a carrier type whose memory holds what the layout wants there."""
    words = spec_values.words(row.name, shape, spec.fill)
    if spec.layout in ("conj", "neg"):
        words = _flipped(words, row, spec.layout == "conj")
    flat = np.ascontiguousarray(words).reshape(-1).view(np.uint8)
    return torch.from_numpy(flat).view(_CARRIERS[row.itemsize]).reshape(shape)


def _flipped(words: Any, row: DType, imaginary_only: bool) -> Any:
    """The words with the sign bit turned over: of imaginary parts, or of all."""
    flipped = words.copy()
    sign = spec_values.word_type(row.word)(1 << (row.word - 1))
    if imaginary_only:
        flipped[..., 1] ^= sign
    else:
        flipped ^= sign
    return flipped


def _arranged(tensor: Any, layout: str, shape: tuple[int, ...]) -> Any:
    """The same elements, in memory as ``layout`` says."""
    if layout == "transposed":
        return tensor.transpose(-1, -2).contiguous().transpose(-1, -2)
    if layout == "fortran":
        axes = tuple(reversed(range(tensor.dim())))
        return tensor.permute(axes).contiguous().permute(axes)
    if layout == "sliced":
        return tensor.repeat_interleave(2, dim=-1)[..., ::2]
    if layout in ("offset", "window"):
        before = 3 if layout == "offset" else WINDOW
        # numpy's zeros come from the system untouched; torch's would write megabytes for every "window".
        base = torch.from_numpy(np.zeros((tensor.numel() + before) * tensor.itemsize, np.uint8)).view(tensor.dtype)
        base[before:] = tensor.reshape(-1)
        return base[before:].view(shape)
    if layout == "broadcast":
        return tensor.expand(shape)
    if layout == "channels-last":
        return tensor.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    if layout == "memory-mapped":
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(memoryview(tensor.reshape(-1).view(torch.uint8).numpy()))
        mapped = torch.from_file(file.name, shared=False, size=tensor.numel() * tensor.itemsize, dtype=torch.uint8)
        os.unlink(file.name)
        return mapped.view(tensor.dtype).view(shape)
    return tensor


def _sparse(spec: TensorSpec) -> Any:
    (trait,) = (trait for trait in spec.traits if trait in _SPARSE)
    stored = torch.from_numpy(spec_values.sparse_mask(spec.shape, spec.fill.seed))
    dense = torch.from_numpy(spec_values.words(spec.dtype, spec.shape, spec.fill).view(np.float32))
    indices, values = stored.nonzero().T.contiguous(), dense[stored]
    if trait == "sparse-coo":
        return torch.sparse_coo_tensor(indices, values, spec.shape, is_coalesced=True, check_invariants=False)
    if trait == "sparse-uncoalesced":
        indices, values = torch.cat([indices, indices[:, :1]], 1), torch.cat([values, values[:1]])
        return torch.sparse_coo_tensor(indices, values, spec.shape, check_invariants=False)
    if trait == "sparse-hybrid":
        rows = stored.any(1).nonzero().T.contiguous()
        return torch.sparse_coo_tensor(rows, dense[rows[0]], spec.shape, is_coalesced=True, check_invariants=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # compressed layouts are announced as beta at each first use
        masked = torch.where(stored, dense, torch.zeros_like(dense))
        if trait == "sparse-csr":
            return masked.to_sparse_csr()
        if trait == "sparse-csc":
            return masked.to_sparse_csc()
        block = (1, spec.shape[1])  # whole rows, so that a block is no square
        return masked.to_sparse_bsr(block) if trait == "sparse-bsr" else masked.to_sparse_bsc(block)


def _quantized(spec: TensorSpec) -> Any:
    (trait,) = (trait for trait in spec.traits if trait in _QUANTIZED)
    integers = _QUANTIZED[trait]
    stored = torch.from_numpy(spec_values.words(integers, spec.shape, spec.fill).view(integers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantized dtypes are announced as deprecated at each first use
        if trait != "quantized-per-channel":
            return torch._make_per_tensor_quantized_tensor(stored, 0.5, 3)
        rows = spec.shape[0]
        scales = torch.arange(1, rows + 1, dtype=torch.float64) / 8
        return torch._make_per_channel_quantized_tensor(stored, scales, torch.arange(rows), 0)


def view(tensor: Any, start: int, stop: int) -> Any:
    return tensor[start:stop]


def overwrite(tensor: Any, other: Any) -> bool:
    with torch.no_grad():
        tensor.copy_(other)
    return True


def owns(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor)


def read(tensor: Any) -> Reading:
    """A tensor of any kind, without its elements where it has none to show (lazy, fake, freed, on the meta device).

    Nobody's promise, and so not read: the gradient, the graph that the tensor is a leaf of, its version and hooks, and
    whether its memory holds the conjugate or the negative.
    """
    flags = attribute_flags(tensor)
    if tensor.requires_grad:
        flags["requires-grad"] = True
    if tensor.device.type != "cpu":
        flags["device"] = str(tensor.device)
    if tensor.layout is not torch.strided:
        flags["layout"] = str(tensor.layout).removeprefix("torch.")
    elif tensor.is_nested:
        flags["layout"] = "nested"
    reading = Reading(str(tensor.dtype).removeprefix("torch."), (), _kind(tensor), flags=flags)
    if isinstance(tensor, _Uninitialized):
        return reading
    try:
        reading.shape = _shape(tensor)
        reading.parts = _parts(tensor)
        if reading.parts is None or tensor.is_quantized:
            reading.strides = tuple(tensor.stride())
        if reading.parts is None and _has_memory(tensor):
            _read_elements(reading, tensor)
        elif reading.parts is None and tensor.device.type != "meta":
            flags["elements"] = "none are there"
    except Exception as error:  # a tensor of somebody else's may refuse any of this, in any way
        flags["elements"] = f"cannot be read ({type(error).__name__})"
    return reading


def _shape(tensor: Any) -> tuple[int, ...]:
    """The shape, with -1 for lengths that differ from row to row or are not known yet."""
    if tensor.is_nested and tensor.layout is torch.strided:
        return (tensor.size(0), *[-1] * (tensor.dim() - 1))
    return tuple(length if type(length) is int else -1 for length in tensor.shape)


def _parts(tensor: Any) -> dict[str, Any] | None:
    """What a tensor is made of that has no elements in memory of its own, by name; None for a plain one."""
    if tensor.is_nested:
        return _nested_parts(tensor.detach())
    if hasattr(tensor, "__tensor_flatten__"):
        names, context = tensor.__tensor_flatten__()
        return {**{part: getattr(tensor, part) for part in names}, "context": context}
    if tensor.layout in _COMPRESSED or tensor.layout is torch.sparse_coo:
        return _sparse_parts(tensor.detach())
    if tensor.layout is not torch.strided:
        return {"dense": tensor.detach().to_dense()}
    if tensor.is_quantized:
        return _quantized_parts(tensor)
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) and not _has_memory(tensor):
        return {key: value for key, value in vars(tensor).items() if isinstance(value, torch.Tensor)} or None
    return None


def _has_memory(tensor: Any) -> bool:
    """Whether the elements lie somewhere: those of wrappers and fakes do not, nor do those whose storage was freed."""
    if tensor.device.type == "meta" or type(tensor).__name__ == "FakeTensor":  # whose address must not be asked for
        return False
    return bool(tensor.data_ptr()) or not tensor.numel()


def _read_elements(reading: Reading, tensor: Any) -> None:
    here = tensor.detach().cpu() if tensor.device.type != "cpu" else tensor
    size = here.element_size()
    memory = _memory(here)
    row = DTYPES.get(reading.dtype)
    words = words_at(here, memory, row.word if row else 8, row.words if row else size)
    if row is not None and (here.is_conj() or here.is_neg()):
        words = _flipped(words, row, True) if here.is_conj() else words
        words = _flipped(words, row, False) if here.is_neg() else words
    reading.words, reading.memory = words, memory if here is tensor else _memory(tensor)


def _memory(tensor: Any) -> Memory:
    size = tensor.element_size()
    return Memory(tensor.data_ptr(), tuple(tensor.shape), tuple(stride * size for stride in tensor.stride()), size)


def _kind(tensor: Any) -> str:
    kind = type(tensor)
    return "torch.Tensor" if kind is torch.Tensor else f"{kind.__module__}.{kind.__qualname__}"


def _nested_parts(tensor: Any) -> dict[str, Any]:
    if tensor.layout is torch.strided:
        return {str(place): each for place, each in enumerate(tensor.unbind())}
    parts = {"values": tensor.values(), "offsets": tensor.offsets(), "lengths": tensor.lengths()}
    return {**parts, "ragged dimension": tensor._ragged_idx}


def _sparse_parts(tensor: Any) -> dict[str, Any]:
    """Indices and values; the values of blocked layouts are blocks, so that their size is among what is compared."""
    if tensor.layout is torch.sparse_coo:
        return {"indices": tensor._indices(), "values": tensor._values(), "coalesced": tensor.is_coalesced()}
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return {"rows": tensor.crow_indices(), "columns": tensor.col_indices(), "values": tensor.values()}
    return {"columns": tensor.ccol_indices(), "rows": tensor.row_indices(), "values": tensor.values()}


def _quantized_parts(tensor: Any) -> dict[str, Any]:
    parts = {"integers": tensor.int_repr(), "scheme": str(tensor.qscheme())}
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return {**parts, "scale": tensor.q_scale(), "zero-point": tensor.q_zero_point()}
    scales, zero_points = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
    return {**parts, "scales": scales, "zero-points": zero_points, "axis": tensor.q_per_channel_axis()}


def scope() -> contextlib.AbstractContextManager[Any]:
    return contextlib.nullcontext()


def narrow() -> contextlib.AbstractContextManager[Any]:
    raise CannotBuild("torch always has 64-bit types")
