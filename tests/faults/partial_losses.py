"""Faults that a check could miss, because they lose only a small part of an object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_ckpt.backends.spec_values import texts
from pytest_ckpt.compare.tensors import read
from pytest_ckpt.specs import DTYPES, Fill
from pytest_ckpt.specs.dtypes import EVERY, LONG_TEXTS, TEXTS

from .faulty_reference import Change, Fault, MakeFault, build_tensor, over_tensors
from .reference import functions_of
from .tensors import dtype_fault

#: For each backend: writes zeros into a tensor in place, whatever its class and flags.
_WRITE_ZEROS: dict[str, Change] = {
    "numpy": lambda array: array.fill(0),
    "torch": lambda tensor: tensor.data.zero_(),
    "tensorflow": lambda variable: variable.assign(variable - variable),
    "mxnet": lambda array: array.__setitem__(slice(None), 0),
}


def _zeroes_values(case: str, backend: str) -> Fault:
    """Preserve class, flags, strides and aliasing, but not the values."""

    def zero(tensor: Any) -> Any:
        _WRITE_ZEROS[backend](tensor)
        return tensor

    return Fault(on_load=over_tensors(backend, zero))


def _ignores_layout_of_8_byte_elements(case: str, backend: str) -> Fault:
    functions = functions_of(backend)

    def ignore_layout(tensor: Any) -> Any:
        reading = read(tensor)
        assert reading is not None
        return functions.ignore_layout(case, tensor) if DTYPES[reading.dtype].itemsize == 8 else tensor

    return Fault(on_save=over_tensors(backend, ignore_layout))


def _casts_second_leaf(case: str, backend: str) -> Fault:
    cast = dtype_fault(case, backend).on_load

    def change(tree: Any) -> Any:
        return {key: cast(value) if key != next(iter(tree)) else value for key, value in tree.items()} if isinstance(tree, dict) else tree

    return Fault(on_load=change)


def _zeroes_ranks_6_and_7(case: str, backend: str) -> Fault:
    def zero(tensor: Any) -> Any:
        reading = read(tensor)
        assert reading is not None
        return build_tensor(backend, "float32", reading.shape, []) if len(reading.shape) in (6, 7) else tensor

    return Fault(on_load=over_tensors(backend, zero))


def _drops_attribute(case: str, backend: str) -> Fault:
    """Preserve the subclass, but not the attribute of its instance."""

    def drop(tensor: Any) -> Any:
        if hasattr(tensor, "tag"):
            del tensor.tag
        return tensor

    return Fault(on_load=over_tensors(backend, drop))


def _empties_strings(matches: Callable[[Any], bool]) -> MakeFault:
    """Replace the matching strings by empty strings."""

    def make(case: str, backend: str) -> Fault:
        binary = backend == "tensorflow"
        count = len(TEXTS) + len(LONG_TEXTS)
        every = texts((count,), Fill(specials=tuple(enumerate(range(count)))), binary).tolist()

        def empty(tensor: Any) -> Any:
            reading = read(tensor)
            assert reading is not None
            if reading.dtype != "string" or not any(map(matches, reading.objects.reshape(-1))):
                return tensor
            patterns = [0 if matches(text) else every.index(text) for text in reading.objects.reshape(-1)]
            return build_tensor(backend, "string", reading.shape, patterns)

        return Fault(on_load=over_tensors(backend, empty))

    return make


def _by_function(name: str) -> MakeFault:
    """Change each tensor by a function that only one backend has."""
    return lambda case, backend: Fault(on_load=over_tensors(backend, getattr(functions_of(backend), name)))


_CARRIERS = ("tensor/requires-grad", "tensor/parameter", "tensor/subclass", "tensor/byte-order", "tensor/strides", "tensor/memory-format")

#: By the name of the fault and the checks that must notice it: the backends that can have it.
PARTIAL_LOSSES: dict[tuple[str, tuple[str, ...]], tuple[tuple[str, ...], MakeFault]] = {
    ("zeroes_values", (*_CARRIERS, "alias")): (tuple(_WRITE_ZEROS), _zeroes_values),
    ("ignores_layout_of_8_byte_elements", ("layout",)): (("numpy", "torch"), _ignores_layout_of_8_byte_elements),
    ("casts_second_leaf", ("dtype",)): (EVERY, _casts_second_leaf),
    ("zeroes_ranks_6_and_7", ("shape/high-rank",)): (EVERY, _zeroes_ranks_6_and_7),
    ("drops_attribute", ("tensor/subclass",)): (("numpy", "torch"), _drops_attribute),
    ("empties_strings_over_60000", ("bits/string",)): (EVERY, _empties_strings(lambda text: len(text) > 60_000)),
    ("empties_strings_over_255", ("bits/string",)): (EVERY, _empties_strings(lambda text: 255 < len(text) < 1_000)),
    ("empties_strings_with_inner_nul", ("bits/string",)): (EVERY, _empties_strings(lambda text: text in ("a\0b", b"a\0b"))),
    ("empties_strings_with_trailing_nul", ("bits/string",)): (EVERY, _empties_strings(lambda text: text in ("a\0", b"a\0"))),
    ("coalesces_sparse_tensor", ("tensor/sparse",)): (("torch",), _by_function("coalesce")),
    ("drops_dense_dimensions", ("tensor/sparse",)): (("torch",), _by_function("drop_dense_dimensions")),
    ("converts_csc_to_csr", ("tensor/sparse",)): (("torch",), _by_function("convert_csc_to_csr")),
    ("zeroes_block_columns", ("tensor/sparse",)): (("torch",), _by_function("zero_block_columns")),
    ("narrows_qint32_to_8_bits", ("tensor/quantized",)): (("torch",), _by_function("narrow_qint32")),
    ("drops_inner_row_splits", ("tensor/sparse",)): (("tensorflow",), _by_function("drop_inner_row_splits")),
}
