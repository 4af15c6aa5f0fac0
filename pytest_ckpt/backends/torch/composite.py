"""Build and read tensors of PyTorch that consist of several tensors: sparse, quantized and nested
ones.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from ...specs import TensorSpec
from .. import spec_values

SPARSE = ("sparse-coo", "sparse-uncoalesced", "sparse-hybrid", "sparse-csr", "sparse-csc", "sparse-bsr", "sparse-bsc")
#: Traits of quantized tensors, and the integers that store their elements.
QUANTIZED = {"quantized": "int8", "quantized-uint8": "uint8", "quantized-int32": "int32", "quantized-per-channel": "int8"}
COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


def build_sparse(spec: TensorSpec) -> Any:
    """Return a sparse tensor; the trait of the spec says which layout."""
    (trait,) = (trait for trait in spec.traits if trait in SPARSE)
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
        warnings.simplefilter("ignore")  # torch warns that compressed layouts are in beta
        masked = torch.where(stored, dense, torch.zeros_like(dense))
        if trait == "sparse-csr":
            return masked.to_sparse_csr()
        if trait == "sparse-csc":
            return masked.to_sparse_csc()
        block = (1, spec.shape[1])  # a whole row, so that a block is not square
        return masked.to_sparse_bsr(block) if trait == "sparse-bsr" else masked.to_sparse_bsc(block)


def build_quantized(spec: TensorSpec) -> Any:
    """Return a quantized tensor; the trait of the spec says which scheme."""
    (trait,) = (trait for trait in spec.traits if trait in QUANTIZED)
    integers = QUANTIZED[trait]
    stored = torch.from_numpy(spec_values.words(integers, spec.shape, spec.fill).view(integers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that quantized dtypes are deprecated
        if trait != "quantized-per-channel":
            return torch._make_per_tensor_quantized_tensor(stored, 0.5, 3)
        rows = spec.shape[0]
        scales = torch.arange(1, rows + 1, dtype=torch.float64) / 8
        return torch._make_per_channel_quantized_tensor(stored, scales, torch.arange(rows), 0)


def nested_parts(tensor: Any) -> dict[str, Any]:
    """Return the components of a nested tensor; of a jagged one, the values, offsets and lengths."""
    if tensor.layout is torch.strided:
        return {str(place): each for place, each in enumerate(tensor.unbind())}
    parts = {"values": tensor.values(), "offsets": tensor.offsets(), "lengths": tensor.lengths()}
    return {**parts, "ragged dimension": tensor._ragged_idx}


def sparse_parts(tensor: Any) -> dict[str, Any]:
    """Return indices and values.

    The values of blocked layouts are blocks, so the size of a block is compared, too.
    """
    if tensor.layout is torch.sparse_coo:
        return {"indices": tensor._indices(), "values": tensor._values(), "coalesced": tensor.is_coalesced()}
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return {"rows": tensor.crow_indices(), "columns": tensor.col_indices(), "values": tensor.values()}
    return {"columns": tensor.ccol_indices(), "rows": tensor.row_indices(), "values": tensor.values()}


def quantized_parts(tensor: Any) -> dict[str, Any]:
    """Return the stored integers and the quantization parameters."""
    parts = {"integers": tensor.int_repr(), "scheme": str(tensor.qscheme())}
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return {**parts, "scale": tensor.q_scale(), "zero-point": tensor.q_zero_point()}
    scales, zero_points = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
    return {**parts, "scales": scales, "zero-points": zero_points, "axis": tensor.q_per_channel_axis()}
