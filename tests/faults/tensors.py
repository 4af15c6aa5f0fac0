"""Basic faults for the families of single tensors, from `dtype` to `alias`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt.compare.tensors import read
from pytest_ckpt.compare.trees import differences
from pytest_ckpt.specs import DTYPES, is_nan, nan_patterns, special_patterns
from pytest_ckpt.specs.dtypes import CHOSEN

from .faulty_reference import Fault, build_tensor, over_tensors, patterns_in
from .reference import functions_of


def dtype_fault(case: str, backend: str) -> Fault:
    """Load zeros of another dtype."""

    def cast(tensor: Any) -> Any:
        reading = read(tensor)
        if reading is None or reading.dtype != case:
            return tensor
        return build_tensor(backend, "int32" if case == "float32" else "float32", reading.shape, [])

    return Fault(on_load=over_tensors(backend, cast))


def bits_fault(case: str, backend: str) -> Fault:
    """Load zero for the last special pattern; if elements have no patterns, load only zeros."""
    target = special_patterns(case)[-1]

    def zero(tensor: Any) -> Any:
        reading = read(tensor)
        if reading is None or reading.dtype != case:
            return tensor
        if reading.words is None or DTYPES[case].kind in CHOSEN:
            return build_tensor(backend, case, reading.shape, [])
        patterns = patterns_in(tensor)
        return build_tensor(backend, case, reading.shape, [0 if p == target else p for p in patterns]) if target in patterns else tensor

    return Fault(on_load=over_tensors(backend, zero))


def nan_payload_fault(case: str, backend: str) -> Fault:
    """Replace every NaN by the first NaN pattern of the dtype."""
    row = DTYPES[case]
    assert row.float is not None
    parts = row.float
    half = row.word * row.words // row.parts
    canonical = next(bits for bits in nan_patterns(case) if bits >> half == 0)

    def number(bits: int) -> int:
        return canonical if is_nan(parts, bits) else bits

    def element(pattern: int) -> int:
        low = (1 << half) - 1
        return sum(number(pattern >> half * part & low) << half * part for part in range(row.parts))

    def canonicalize(tensor: Any) -> Any:
        reading = read(tensor)
        if reading is None or reading.dtype != case:
            return tensor
        return build_tensor(backend, case, reading.shape, [element(pattern) for pattern in patterns_in(tensor)])

    return Fault(on_load=over_tensors(backend, canonicalize))


_NEW_SHAPES: dict[str, Callable[[tuple[int, ...]], tuple[int, ...]]] = {
    "plain": lambda shape: shape[::-1] if 1 < len(shape) < 5 and 0 not in shape else (*shape, 1) if shape == (2,) else shape,
    "scalar": lambda shape: shape or (1,),
    "empty": lambda shape: (0, 1) if shape == (0,) else shape,
    "zero-size-inside": lambda shape: (0,) if 0 in shape else shape,
    "ones": lambda shape: tuple(length for length in shape if length != 1),
    "high-rank": lambda shape: (*shape[:3], int(np.prod(shape[3:]))) if len(shape) > 4 else shape,
}


def shape_fault(case: str, backend: str) -> Fault:
    """Load the elements in another shape; for many elements, load zeros."""

    def reshape(tensor: Any) -> Any:
        reading = read(tensor)
        if reading is None or reading.dtype != "float32":
            return tensor
        if case == "many-elements":
            return tensor if reading.words.size < 1 << 18 else build_tensor(backend, "float32", reading.shape, [])
        shape = _NEW_SHAPES[case](reading.shape)
        return tensor if shape == reading.shape else build_tensor(backend, "float32", shape, patterns_in(tensor))

    return Fault(on_load=over_tensors(backend, reshape))


def layout_fault(case: str, backend: str) -> Fault:
    """Save a tensor of this layout as if it had another layout."""
    functions = functions_of(backend)
    return Fault(on_save=over_tensors(backend, lambda tensor: functions.ignore_layout(case, tensor)))


def tensor_fault(case: str, backend: str) -> Fault:
    """Drop the property of tensors that the case tests."""
    functions = functions_of(backend)
    return Fault(on_load=over_tensors(backend, lambda tensor: functions.drop_property(case, tensor)))


def alias_fault(case: str, backend: str) -> Fault:
    """Copy shared tensors, share equal tensors, or write a large file."""
    functions = functions_of(backend)
    if case in ("same-tensor-twice", "overlapping-views"):
        return Fault(on_load=over_tensors(backend, functions.copy_tensor))
    if case == "equal-but-separate":
        seen: list[Any] = []

        def first_equal(tensor: Any) -> Any:
            for other in seen:
                if not differences(tensor, other):
                    return other
            seen.append(tensor)
            return tensor

        def share_equal(tree: Any) -> Any:
            seen.clear()
            return over_tensors(backend, first_equal)(tree)

        return Fault(on_load=share_equal)
    return Fault(extra_bytes=1 << 20)
