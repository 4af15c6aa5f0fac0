"""PyTorch: lossless serialization of tensors, and faults in features that only PyTorch has."""

from __future__ import annotations

import copy
import io
import math
import pathlib
from typing import Any

import torch

from pytest_ckpt.backends.torch.tensors import TaggedTensor, read
from pytest_ckpt.compare.elements import dense_order

from .shared_memory import copy_memory_blocks

_KINDS = {kind.__qualname__: kind for kind in (torch.Tensor, torch.nn.Parameter, TaggedTensor)}


def _is_raw(tensor: Any) -> bool:
    return tensor.layout is torch.strided and not tensor.is_quantized


def serialize(tensors: list[Any]) -> Any:
    blocks, places = copy_memory_blocks([read(tensor).memory if _is_raw(tensor) else None for tensor in tensors])
    records: list[Any] = []
    for tensor, place in zip(tensors, places, strict=True):
        if _is_raw(tensor):
            shape, strides = tuple(tensor.shape), tuple(tensor.stride())
            flags = tensor.is_conj(), tensor.is_neg(), tensor.requires_grad, type(tensor).__qualname__, dict(vars(tensor))
            records.append(("raw", place, shape, strides, tensor.dtype, *flags))
        else:
            file = io.BytesIO()
            torch.save(tensor, file)
            records.append(("file", file.getvalue()))
    return blocks, records


def deserialize(serialized: Any) -> list[Any]:
    storages = [torch.frombuffer(bytearray(block), dtype=torch.uint8).untyped_storage() for block in serialized[0]]
    tensors = []
    for record in serialized[1]:
        if record[0] == "file":
            tensors.append(torch.load(io.BytesIO(record[1]), weights_only=False))
            continue
        _, place, shape, strides, dtype, conj, neg, gradient, kind, attributes = record
        tensor = torch.empty(0, dtype=dtype)
        if place is None:
            tensor = tensor.reshape(shape)
        else:
            tensor.set_(storages[place[0]], place[1] // tensor.itemsize, shape, strides)
        tensor = tensor.conj() if conj else tensor
        tensor = torch._neg_view(tensor) if neg else tensor
        if kind == "Parameter":
            tensors.append(torch.nn.Parameter(tensor, requires_grad=gradient))
        else:
            tensors.append(tensor.as_subclass(_KINDS[kind]).requires_grad_(gradient))
        vars(tensors[-1]).update(attributes)
    return tensors


def copy_tensor(tensor: Any) -> Any:
    return tensor.detach().clone()


def ignore_layout(layout: str, tensor: Any) -> Any:
    """Return what a writer that ignores this layout stores; other layouts are unchanged."""
    if tensor.dim() == 0 and layout not in ("conj", "neg", "memory-mapped"):
        return tensor
    plain = [math.prod(tensor.shape[axis + 1 :]) for axis in range(tensor.dim())]
    if layout in ("transposed", "fortran", "channels-last"):
        order = dense_order(tuple(tensor.shape), tuple(tensor.stride()))
        return tensor if order is None else tensor.permute(order).reshape(tensor.shape)
    if layout == "sliced":
        return torch.as_strided(tensor, tensor.shape, plain).clone() if tensor.stride(-1) == 2 else tensor
    if layout == "offset":
        return torch.as_strided(tensor, tensor.shape, plain, 0).clone() if tensor.storage_offset() else tensor
    if layout == "broadcast":
        return torch.cat([tensor[:1], torch.zeros_like(tensor[1:])]) if tensor.stride(0) == 0 else tensor
    if layout == "conj":
        return tensor.conj().resolve_conj().clone() if tensor.is_conj() else tensor
    if layout == "neg":
        return torch._neg_view(tensor).resolve_neg().clone() if tensor.is_neg() else tensor
    if layout == "memory-mapped":
        return torch.zeros_like(tensor) if _is_mapped(tensor) else tensor
    raise KeyError(layout)


def _is_mapped(tensor: Any) -> bool:
    """Return whether the memory of the tensor is mapped from a file, according to the kernel."""
    for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
        span, _, _, _, inode, *_ = line.split()
        low, high = (int(end, 16) for end in span.split("-"))
        if low <= tensor.data_ptr() < high:
            return inode != "0"
    return False


def drop_property(case: str, tensor: Any) -> Any:
    """Return the tensor without the property that a case of the family `tensor` tests."""
    if case == "class":
        return tensor.detach().numpy()
    if case in ("requires-grad", "parameter"):
        return tensor.detach()
    if case == "subclass":
        return tensor.as_subclass(torch.Tensor)
    if case == "sparse":
        return tensor if tensor.layout is torch.strided else tensor.to_dense()
    if case == "quantized":
        return tensor.int_repr() if tensor.is_quantized else tensor
    if case == "device":
        return tensor.cpu()
    if case in ("strides", "memory-format"):
        return tensor.contiguous()
    raise KeyError(case)


def coalesce(tensor: Any) -> Any:
    return tensor.coalesce() if tensor.layout is torch.sparse_coo else tensor


def drop_dense_dimensions(tensor: Any) -> Any:
    return tensor.to_dense().to_sparse() if tensor.layout is torch.sparse_coo and tensor.dense_dim() else tensor


def convert_csc_to_csr(tensor: Any) -> Any:
    return tensor.to_dense().to_sparse_csr() if tensor.layout is torch.sparse_csc else tensor


def zero_block_columns(tensor: Any) -> Any:
    """Zero all columns of each block except for the first."""
    if tensor.layout in (torch.sparse_bsr, torch.sparse_bsc):
        tensor.values()[..., 1:] = 0
    return tensor


def narrow_qint32(tensor: Any) -> Any:
    """Cast the 32-bit integers of a quantized tensor to eight bits."""
    if tensor.dtype is not torch.qint32:
        return tensor
    return torch._make_per_tensor_quantized_tensor(tensor.int_repr().to(torch.int8), tensor.q_scale(), tensor.q_zero_point())


def flags_of(model: Any) -> Any:
    """Return what a state dict lacks: frozen parameters and training modes."""
    frozen = {name: not parameter.requires_grad for name, parameter in model.named_parameters(remove_duplicate=False)}
    return frozen, {name: module.training for name, module in model.named_modules()}


def set_flags(model: Any, flags: Any) -> None:
    frozen, training = flags
    for name, parameter in model.named_parameters(remove_duplicate=False):
        parameter.requires_grad_(not frozen[name])
    for name, module in model.named_modules():
        module.training = training[name]


def untie(model: Any) -> None:
    """Copy shared parameters, so that each name has a separate parameter."""
    for name, parameter in list(model.named_parameters(remove_duplicate=False)):
        owner, _, last = name.rpartition(".")
        setattr(model.get_submodule(owner), last, torch.nn.Parameter(parameter.detach().clone(), parameter.requires_grad))


def copy_shared_modules(model: Any) -> None:
    """Copy shared modules, so that each name has a separate module."""
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):
            module._modules[name] = copy.deepcopy(child)


def whole_model_functions() -> dict[str, Any]:
    """Return functions that save and load whole models."""
    return {
        "save_model": lambda model, path: torch.save(model, path),
        "load_model": lambda path: torch.load(path, weights_only=False),
    }


def reset_settings(model: Any) -> None:
    """Reset the settings of all layers to the defaults."""
    for module in model.modules():
        for setting, default in (("eps", 1e-5), ("negative_slope", 0.01), ("p", 0.5)):
            if hasattr(module, setting):
                setattr(module, setting, default)
