"""Faults for each check: the reference format, but for one thing that it loses.

A fault says what becomes of a tree on the way to the disk or back. What any backend can lose is written here once; what
takes a backend's own means (memory layouts, flags, classes) is in its store.
"""

from __future__ import annotations

import collections
import dataclasses
import importlib
import pathlib
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_ckpt import Format
from pytest_ckpt.backends import get_backend
from pytest_ckpt.backends.spec_values import texts
from pytest_ckpt.checks import SCENARIOS, Check
from pytest_ckpt.compare.elements import pattern_of
from pytest_ckpt.compare.trees import differences, read
from pytest_ckpt.expectations import matches
from pytest_ckpt.specs import DTYPES, Fill, Pair, Record, TensorSpec, is_nan, nan_patterns, special_patterns
from pytest_ckpt.specs.dtypes import CHOSEN, EVERY, LONG_TEXTS, TEXTS
from pytest_ckpt.specs.keys import KEYS

from .models import HIDDEN_MODELS, mismatch_faults, model_fault
from .reference import Reference, store_of
from .training import training_faults

Change = Callable[[Any], Any]


@dataclasses.dataclass
class Fault:
    """What happens to a tree before it is saved, after it is loaded, and what is written beside it."""

    on_save: Change = lambda tree: tree
    on_load: Change = lambda tree: tree
    litter: int = 0


def faulty_format(backend: str, fault: Fault) -> Format:
    """The reference format with a fault in it."""
    reference = Reference(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        reference.save(fault.on_save(tree), path)
        if fault.litter:
            path.with_name(path.name + ".extra").write_bytes(b"x" * fault.litter)

    return Format(name="planted", backend=backend, save=save, load=lambda path: fault.on_load(reference.load(path)))


def faults_for(check: Check, backend: str) -> dict[str, Format]:
    """The formats that this check has to see through, by the name of their fault: the plain one of its family, and those that
    hide behind it."""
    if check.family in SCENARIOS:
        module: Any = importlib.import_module(f"tests.faults.{check.family}")
        found: dict[str, Format] = module.faults(check.case, backend)
        return found
    if check.family == "mismatch":
        return mismatch_faults(check.case, backend)
    if check.family == "training":
        return training_faults(check.case, backend)
    if check.family == "model":
        hidden = {name: make(backend) for (name, cases), make in HIDDEN_MODELS.items() if check.case in cases}
        return {"plain": model_fault(check.case, backend), **hidden}
    faults = {"plain": _FAMILIES[check.family](check.case, backend)}
    for (name, about), (backends, make) in _HIDDEN.items():
        if backend in backends and any(matches(check.name, pattern) for pattern in about):
            faults[name] = make(check.case, backend)
    return {name: faulty_format(backend, fault) for name, fault in faults.items()}


def over_tensors(backend: str, change: Change) -> Change:
    """Changes every tensor of a tree, and leaves its containers."""
    owns = get_backend(backend).owns

    def walk(node: Any) -> Any:
        if owns(node):
            return change(node)
        if isinstance(node, Pair):
            return Pair(walk(node.first), walk(node.second))
        if isinstance(node, Record):
            return Record(walk(node.first), walk(node.second))
        if isinstance(node, dict):
            return type(node)((key, walk(value)) for key, value in node.items())
        return type(node)(map(walk, node)) if isinstance(node, list | tuple) else node

    return walk


def rebuilt(backend: str, dtype: str, shape: tuple[int, ...], patterns: list[int]) -> Any:
    """A plain tensor with just these elements."""
    fill = Fill(specials=tuple((place, pattern) for place, pattern in enumerate(patterns) if pattern))
    return get_backend(backend).build(TensorSpec(dtype, shape, fill=fill))


def patterns_in(tensor: Any) -> list[int]:
    """The bit patterns of a tensor, in C order."""
    reading = read(tensor)
    assert reading is not None
    row = DTYPES.get(reading.dtype)
    words = reading.words.reshape(-1, row.words if row else 1)
    return [pattern_of(element, row) for element in words]


def _dtype(case: str, backend: str) -> Fault:
    def cast(tensor: Any) -> Any:
        reading = read(tensor)
        if reading is None or reading.dtype != case:
            return tensor
        return rebuilt(backend, "int32" if case == "float32" else "float32", reading.shape, [])

    return Fault(on_load=over_tensors(backend, cast))


def _bits(case: str, backend: str) -> Fault:
    """The last special pattern is taken for zero; where elements have no patterns, everything is."""
    target = special_patterns(case)[-1]

    def zero(tensor: Any) -> Any:
        reading = read(tensor)
        if reading is None or reading.dtype != case:
            return tensor
        if reading.words is None or DTYPES[case].kind in CHOSEN:
            return rebuilt(backend, case, reading.shape, [])
        patterns = patterns_in(tensor)
        return rebuilt(backend, case, reading.shape, [0 if p == target else p for p in patterns]) if target in patterns else tensor

    return Fault(on_load=over_tensors(backend, zero))


def _nan_payload(case: str, backend: str) -> Fault:
    """Every NaN becomes the first one that there is."""
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

    def quiet(tensor: Any) -> Any:
        reading = read(tensor)
        if reading is None or reading.dtype != case:
            return tensor
        return rebuilt(backend, case, reading.shape, [element(pattern) for pattern in patterns_in(tensor)])

    return Fault(on_load=over_tensors(backend, quiet))


_RESHAPED: dict[str, Callable[[tuple[int, ...]], tuple[int, ...]]] = {
    "plain": lambda shape: shape[::-1] if 1 < len(shape) < 5 and 0 not in shape else (*shape, 1) if shape == (2,) else shape,
    "scalar": lambda shape: shape or (1,),
    "empty": lambda shape: (0, 1) if shape == (0,) else shape,
    "zero-size-inside": lambda shape: (0,) if 0 in shape else shape,
    "ones": lambda shape: tuple(length for length in shape if length != 1),
    "high-rank": lambda shape: (*shape[:3], int(np.prod(shape[3:]))) if len(shape) > 4 else shape,
}


def _shape(case: str, backend: str) -> Fault:
    def reshape(tensor: Any) -> Any:
        reading = read(tensor)
        if reading is None or reading.dtype != "float32":
            return tensor
        if case == "many-elements":
            return tensor if reading.words.size < 1 << 18 else rebuilt(backend, "float32", reading.shape, [])
        shape = _RESHAPED[case](reading.shape)
        return tensor if shape == reading.shape else rebuilt(backend, "float32", shape, patterns_in(tensor))

    return Fault(on_load=over_tensors(backend, reshape))


def _layout(case: str, backend: str) -> Fault:
    store = store_of(backend)
    return Fault(on_save=over_tensors(backend, lambda tensor: store.misread(case, tensor)))


def _recast(wanted: Callable[[Any], bool], change: Change) -> Change:
    """Changes the nodes that are wanted, from the leaves up."""

    def walk(node: Any) -> Any:
        if isinstance(node, Pair):
            node = Pair(walk(node.first), walk(node.second))
        elif isinstance(node, Record):
            node = Record(walk(node.first), walk(node.second))
        elif isinstance(node, dict):
            node = type(node)((key, walk(value)) for key, value in node.items())
        elif isinstance(node, list | tuple):
            node = type(node)(map(walk, node))
        return change(node) if wanted(node) else node

    return walk


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda node: type(node) in kinds


def _cut(node: Any, depth: int = 0) -> Any:
    if depth > 50:
        return None
    return {key: _cut(value, depth + 1) for key, value in node.items()} if isinstance(node, dict) else node


def _flattened(node: Any) -> Any:
    """Containers within containers are dropped."""
    if isinstance(node, dict):
        return {key: value for key, value in node.items() if not isinstance(value, dict | list | tuple)}
    return type(node)(value for value in node if not isinstance(value, dict | list | tuple)) if type(node) in (list, tuple) else node


_CONTAINERS: dict[str, Change] = {
    "list": _recast(_is(list), tuple),
    "tuple": _recast(_is(tuple), list),
    "dict": _recast(_is(dict), collections.OrderedDict),
    "nested": _flattened,
    "deep": _cut,
    "empty-list": _recast(lambda node: node == [] and type(node) is list, lambda _: None),
    "empty-tuple": _recast(lambda node: type(node) is tuple and not node, lambda _: None),
    "empty-dict": _recast(lambda node: type(node) is dict and not node, lambda _: None),
    "none": _recast(lambda node: node is None, lambda _: 0),
    "namedtuple": _recast(_is(Pair), tuple),
    "dataclass": _recast(_is(Record), lambda node: {"first": node.first, "second": node.second}),
    "ordered-dict": _recast(_is(collections.OrderedDict), dict),
    "bool": _recast(_is(bool), int),
    "int": _recast(_is(int), float),
    "float": _recast(_is(float), lambda value: float(np.float32(value))),
    "str": _recast(_is(str), str.encode),
    "bytes": _recast(_is(bytes), lambda value: value.rstrip(b"\0")),
    "big-int": _recast(lambda node: type(node) is int and abs(node) >= 1 << 63, float),
    "numpy-scalar": _recast(lambda node: isinstance(node, np.generic), lambda value: value.item()),
}


def _container(case: str, backend: str) -> Fault:
    return Fault(on_load=_CONTAINERS[case])


def _renamed(rename: Callable[[Any], Any]) -> Change:
    """Keys come back under other names; those for which the name is None are gone."""

    def change(node: dict[Any, Any]) -> dict[Any, Any]:
        return {rename(key): value for key, value in node.items() if rename(key) is not None}

    return _recast(_is(dict), change)


def _unflattened(node: dict[Any, Any]) -> dict[Any, Any]:
    """Dotted names overwrite what stands in their way."""
    return {key: value for key, value in node.items() if not (isinstance(key, str) and key[:1] == "a" and key != "a" and "a" in node)}


def _shallow(node: Any, depth: int = 0) -> Any:
    """What lies below the second level is dropped."""
    if not isinstance(node, dict):
        return node
    return {key: _shallow(value, depth + 1) for key, value in node.items() if depth < 2}


_KEYS: dict[str, Change] = {
    "nested": _shallow,
    "order": _recast(_is(dict), lambda node: dict(sorted(node.items(), key=str))),
    "unicode": _renamed(lambda key: unicodedata.normalize("NFC", key)),
    "dot": _renamed(lambda key: key.replace(".", "_")),
    "slash": _renamed(lambda key: key.strip("/")),
    "nul": _renamed(lambda key: key.split("\0")[0]),
    "prefix": _recast(_is(dict), _unflattened),
    "int": _renamed(str),
    "digit-string": _renamed(lambda key: int(key) if key.isdigit() else key),
    "empty": _renamed(lambda key: key or None),
    "long": _renamed(lambda key: key[:255]),
    "dunder": _renamed(lambda key: None if key in KEYS["dunder"] else key),
    "api-names": _renamed(lambda key: None if key == "like" else key),
    "dots": _renamed(lambda key: key.removeprefix("../")),
    "case": _renamed(str.lower),
}


def _keys(case: str, backend: str) -> Fault:
    return Fault(on_load=_KEYS[case])


def _tensor(case: str, backend: str) -> Fault:
    store = store_of(backend)
    return Fault(on_load=over_tensors(backend, lambda tensor: store.without(case, tensor)))


def _alias(case: str, backend: str) -> Fault:
    store = store_of(backend)
    if case in ("same-tensor-twice", "overlapping-views"):
        return Fault(on_load=over_tensors(backend, store.copied))
    if case == "equal-but-separate":
        seen: list[Any] = []

        def tied(tensor: Any) -> Any:
            for other in seen:
                if not differences(tensor, other):
                    return other
            seen.append(tensor)
            return tensor

        def tie(tree: Any) -> Any:
            seen.clear()
            return over_tensors(backend, tied)(tree)

        return Fault(on_load=tie)
    return Fault(litter=1 << 20)


_FAMILIES: dict[str, Callable[[str, str], Fault]] = {
    "dtype": _dtype,
    "bits": _bits,
    "nan-payload": _nan_payload,
    "shape": _shape,
    "layout": _layout,
    "container": _container,
    "keys": _keys,
    "tensor": _tensor,
    "alias": _alias,
}


#: How each backend writes zeros into a tensor that it has, whatever its class and flags.
_ZERO: dict[str, Change] = {
    "numpy": lambda array: array.fill(0),
    "torch": lambda tensor: tensor.data.zero_(),
    "tensorflow": lambda variable: variable.assign(variable - variable),
    "mxnet": lambda array: array.__setitem__(slice(None), 0),
}


def _values(case: str, backend: str) -> Fault:
    """Class, flags, strides and sharing come back; the values do not."""

    def zero(tensor: Any) -> Any:
        _ZERO[backend](tensor)
        return tensor

    return Fault(on_load=over_tensors(backend, zero))


def _wide_elements(case: str, backend: str) -> Fault:
    """The layout is overlooked for elements of eight bytes alone."""
    store = store_of(backend)

    def misread(tensor: Any) -> Any:
        reading = read(tensor)
        assert reading is not None
        return store.misread(case, tensor) if DTYPES[reading.dtype].itemsize == 8 else tensor

    return Fault(on_save=over_tensors(backend, misread))


def _second_leaf(case: str, backend: str) -> Fault:
    """What comes second is lost."""
    cast = _dtype(case, backend).on_load

    def change(tree: Any) -> Any:
        return {key: cast(value) if key != next(iter(tree)) else value for key, value in tree.items()} if isinstance(tree, dict) else tree

    return Fault(on_load=change)


def _ranks_six_and_seven(case: str, backend: str) -> Fault:
    def forget(tensor: Any) -> Any:
        reading = read(tensor)
        assert reading is not None
        return rebuilt(backend, "float32", reading.shape, []) if len(reading.shape) in (6, 7) else tensor

    return Fault(on_load=over_tensors(backend, forget))


def _attribute(case: str, backend: str) -> Fault:
    """The class comes back; what its instance knew does not."""

    def forget(tensor: Any) -> Any:
        if hasattr(tensor, "tag"):
            del tensor.tag
        return tensor

    return Fault(on_load=over_tensors(backend, forget))


def _strings(wrong: Callable[[Any], bool]) -> Callable[[str, str], Fault]:
    """Some strings become empty."""

    def make(case: str, backend: str) -> Fault:
        binary = backend == "tensorflow"
        count = len(TEXTS) + len(LONG_TEXTS)
        every = texts((count,), Fill(specials=tuple(enumerate(range(count)))), binary).tolist()

        def cut(tensor: Any) -> Any:
            reading = read(tensor)
            assert reading is not None
            if reading.dtype != "string" or not any(map(wrong, reading.objects.reshape(-1))):
                return tensor
            patterns = [0 if wrong(text) else every.index(text) for text in reading.objects.reshape(-1)]
            return rebuilt(backend, "string", reading.shape, patterns)

        return Fault(on_load=over_tensors(backend, cut))

    return make


def _by_store(name: str) -> Callable[[str, str], Fault]:
    """What only one backend's tensors can lose."""
    return lambda case, backend: Fault(on_load=over_tensors(backend, getattr(store_of(backend), name)))


_CARRIERS = ("tensor/requires-grad", "tensor/parameter", "tensor/subclass", "tensor/byte-order", "tensor/strides", "tensor/memory-format")
#: Faults that hide behind a part that is kept: by name and the checks that have to see them, the backends that can have them.
_HIDDEN: dict[tuple[str, tuple[str, ...]], tuple[tuple[str, ...], Callable[[str, str], Fault]]] = {
    ("values", (*_CARRIERS, "alias")): (tuple(_ZERO), _values),
    ("eight-bytes", ("layout",)): (("numpy", "torch"), _wide_elements),
    ("second-leaf", ("dtype",)): (EVERY, _second_leaf),
    ("ranks-6-and-7", ("shape/high-rank",)): (EVERY, _ranks_six_and_seven),
    ("attribute", ("tensor/subclass",)): (("numpy", "torch"), _attribute),
    ("long-text", ("bits/string",)): (EVERY, _strings(lambda text: len(text) > 60_000)),
    ("longer-than-a-byte-counts", ("bits/string",)): (EVERY, _strings(lambda text: 255 < len(text) < 1_000)),
    ("nul-inside", ("bits/string",)): (EVERY, _strings(lambda text: text in ("a\0b", b"a\0b"))),
    ("nul-at-the-end", ("bits/string",)): (EVERY, _strings(lambda text: text in ("a\0", b"a\0"))),
    ("coalesced", ("tensor/sparse",)): (("torch",), _by_store("coalesced")),
    ("hybrid", ("tensor/sparse",)): (("torch",), _by_store("without_dense_dimensions")),
    ("by-columns", ("tensor/sparse",)): (("torch",), _by_store("by_rows")),
    ("blocks", ("tensor/sparse",)): (("torch",), _by_store("without_blocks")),
    ("integers-of-32-bits", ("tensor/quantized",)): (("torch",), _by_store("eight_bits")),
    ("inner-splits", ("tensor/sparse",)): (("tensorflow",), _by_store("ragged_once")),
}
