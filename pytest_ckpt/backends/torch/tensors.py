"""Build and read tensors of PyTorch.

The placeholder dtypes int1 to uint7 are left out: PyTorch implements no operation for them, not
even a copy.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Any

import numpy as np
import torch

from ...specs import DTYPES, DType, TensorSpec, capabilities_of, dtypes_of
from ...specs.layouts import WINDOW
from .. import spec_values
from ..base import TAG, CannotBuild, Reading, attribute_flags, missing_capability
from ..memory import Memory, view_as_words
from .composite import COMPRESSED, QUANTIZED, SPARSE, build_quantized, build_sparse, nested_parts, quantized_parts, sparse_parts

name = "torch"
package = "torch"
capabilities = capabilities_of(name)

#: By item size, the dtype under which elements are moved in memory, so that every bit is preserved.
_CARRIERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}
_GRADIENT_KINDS = ("float", "complex")
#: Parameters and buffers of lazy layers, whose shape is not known yet.
_Uninitialized = torch.nn.parameter.UninitializedTensorMixin


class TaggedTensor(torch.Tensor):  # type: ignore[misc]
    """The class of tensors with the trait "subclass". Each instance has an attribute."""


def version() -> str:
    return str(torch.__version__)


def dtypes() -> tuple[str, ...]:
    return tuple(dtype for dtype in dtypes_of(name) if isinstance(getattr(torch, dtype, None), torch.dtype))


def refusal(spec: TensorSpec) -> str | None:
    if spec.dtype not in capabilities.dtypes or not isinstance(getattr(torch, spec.dtype, None), torch.dtype):
        return f"torch {version()} has no dtype {spec.dtype}"
    if len(spec.shape) > 64:
        return f"torch has no tensors with {len(spec.shape)} dimensions"
    if reason := missing_capability(spec, name, capabilities):
        return reason
    if "accelerator" in spec.traits and not torch.cuda.is_available():
        return "torch found no accelerator on this machine"
    if {"requires-grad", "parameter"} & {*spec.traits} - {"frozen"} and DTYPES[spec.dtype].kind not in _GRADIENT_KINDS:
        return f"torch supports gradients only for floating-point and complex tensors, not for {spec.dtype}"
    special = [trait for trait in spec.traits if trait in (*SPARSE, *QUANTIZED)]
    if special and (spec.dtype != "float32" or spec.layout != "c" or len(spec.shape) != 2 or 0 in spec.shape):
        return f"tensors with the trait {special[0]!r} must be float32, in C order, two-dimensional and not empty"
    return None


def build(spec: TensorSpec) -> Any:
    if reason := refusal(spec):
        raise CannotBuild(reason)
    if any(trait in SPARSE for trait in spec.traits):
        return build_sparse(spec)
    if any(trait in QUANTIZED for trait in spec.traits):
        return build_quantized(spec)
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
    """Return a contiguous tensor of a carrier dtype, with the bits that the memory must hold for
    the layout.

    The layouts "conj" and "neg" store the opposite sign in memory.
    """
    words = spec_values.words(row.name, shape, spec.fill)
    if spec.layout in ("conj", "neg"):
        words = _flipped(words, row, spec.layout == "conj")
    flat = np.ascontiguousarray(words).reshape(-1).view(np.uint8)
    return torch.from_numpy(flat).view(_CARRIERS[row.itemsize]).reshape(shape)


def _flipped(words: Any, row: DType, imaginary_only: bool) -> Any:
    """Return the words with the sign bit inverted, of the imaginary parts only or of all numbers."""
    flipped = words.copy()
    sign = spec_values.word_type(row.word)(1 << (row.word - 1))
    if imaginary_only:
        flipped[..., 1] ^= sign
    else:
        flipped ^= sign
    return flipped


def _arranged(tensor: Any, layout: str, shape: tuple[int, ...]) -> Any:
    """Return a tensor with the same elements and the given memory layout."""
    if layout == "transposed":
        return tensor.transpose(-1, -2).contiguous().transpose(-1, -2)
    if layout == "fortran":
        axes = tuple(reversed(range(tensor.dim())))
        return tensor.permute(axes).contiguous().permute(axes)
    if layout == "sliced":
        return tensor.repeat_interleave(2, dim=-1)[..., ::2]
    if layout in ("offset", "window"):
        before = 3 if layout == "offset" else WINDOW
        # numpy gets zeroed pages from the system. torch would write megabytes of zeros for every
        # "window".
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


def view(tensor: Any, start: int, stop: int) -> Any:
    return tensor[start:stop]


def overwrite(tensor: Any, other: Any) -> bool:
    with torch.no_grad():
        tensor.copy_(other)
    return True


def owns(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor)


def read(tensor: Any) -> Reading:
    """Read a tensor of any class. Lazy, fake, freed and meta tensors are read without elements.

    Not read, because no format is required to preserve them: the gradient, the autograd graph, the
    version and hooks, and whether the memory holds the conjugate or the negative.
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
            flags["elements"] = "none"
    except Exception as error:  # a tensor class of a third party may raise anything here
        flags["elements"] = f"cannot be read ({type(error).__name__})"
    return reading


def _shape(tensor: Any) -> tuple[int, ...]:
    """Return the shape, with -1 for lengths that are ragged or not known yet."""
    if tensor.is_nested and tensor.layout is torch.strided:
        return (tensor.size(0), *[-1] * (tensor.dim() - 1))
    return tuple(length if type(length) is int else -1 for length in tensor.shape)


def _parts(tensor: Any) -> dict[str, Any] | None:
    """Return the parts of a composite tensor by name, or None for a plain tensor."""
    if tensor.is_nested:
        return nested_parts(tensor.detach())
    if hasattr(tensor, "__tensor_flatten__"):
        names, context = tensor.__tensor_flatten__()
        return {**{part: getattr(tensor, part) for part in names}, "context": context}
    if tensor.layout in COMPRESSED or tensor.layout is torch.sparse_coo:
        return sparse_parts(tensor.detach())
    if tensor.layout is not torch.strided:
        return {"dense": tensor.detach().to_dense()}
    if tensor.is_quantized:
        return quantized_parts(tensor)
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) and not _has_memory(tensor):
        return {key: value for key, value in vars(tensor).items() if isinstance(value, torch.Tensor)} or None
    return None


def _has_memory(tensor: Any) -> bool:
    """Return whether the elements are in memory.

    Wrappers, fake tensors and freed storages have none.
    """
    if tensor.device.type == "meta" or type(tensor).__name__ == "FakeTensor":  # their data_ptr() raises or warns
        return False
    return bool(tensor.data_ptr()) or not tensor.numel()


def _read_elements(reading: Reading, tensor: Any) -> None:
    on_cpu = tensor.detach().cpu() if tensor.device.type != "cpu" else tensor
    size = on_cpu.element_size()
    memory = _memory(on_cpu)
    row = DTYPES.get(reading.dtype)
    words = view_as_words(on_cpu, memory, row.word if row else 8, row.words if row else size)
    if row is not None and (on_cpu.is_conj() or on_cpu.is_neg()):
        words = _flipped(words, row, True) if on_cpu.is_conj() else words
        words = _flipped(words, row, False) if on_cpu.is_neg() else words
    reading.words, reading.memory = words, memory if on_cpu is tensor else _memory(tensor)


def _memory(tensor: Any) -> Memory:
    size = tensor.element_size()
    return Memory(tensor.data_ptr(), tuple(tensor.shape), tuple(stride * size for stride in tensor.stride()), size)


def _kind(tensor: Any) -> str:
    kind = type(tensor)
    return "torch.Tensor" if kind is torch.Tensor else f"{kind.__module__}.{kind.__qualname__}"


def scope() -> contextlib.AbstractContextManager[Any]:
    return contextlib.nullcontext()


def narrow() -> contextlib.AbstractContextManager[Any]:
    raise CannotBuild("torch always has 64-bit types")
