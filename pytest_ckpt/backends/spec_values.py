"""Compute the values of a `TensorSpec` as unsigned words: the same on every machine and with every
numpy version.

This is the only code that turns a fill into bits. It uses numpy only for integer arithmetic. The
generator is splitmix64 over the index of the element, so it has no state and does not depend on a
version.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..specs import DTYPES, DType, Fill, Float, TensorSpec
from ..specs.dtypes import BYTES, LONG_BYTES, LONG_TEXTS, OBJECTS, TEXTS

_WORDS: dict[int, Any] = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def word_type(bits: int) -> Any:
    """Return numpy's unsigned integer type of 8, 16, 32 or 64 bits."""
    return _WORDS[bits]


def _hashes(seed: int, count: int) -> Any:
    """Return ``count`` 64-bit hashes.

    Hash i depends only on the seed and i (splitmix64, Steele, Lea and Flood 2014).
    """
    start = (seed * 0xD1342543DE82EF95 + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    x = np.arange(1, count + 1, dtype=np.uint64)
    x *= np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64(start)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x ^= x >> np.uint64(shift)
        x *= np.uint64(factor)
    x ^= x >> np.uint64(31)
    return x


def _ordinary(row: DType, x: Any) -> Any:
    """Return finite values of moderate size, as bits.

    They are never zero, except for bool and the narrowest ints.
    """
    one = np.uint64
    if row.float is not None:
        return _ordinary_floats(row.float, x)
    if row.kind == "time":
        return x >> one(30)
    if row.bits < 8 or row.kind in ("bool", "raw"):
        return x & one((1 << row.bits) - 1)
    if row.kind == "uint":
        return x % one(199) + one(1)
    magnitude = x % one(99) + one(1)
    return np.where(x >> one(63), ~magnitude + one(1), magnitude) & one((1 << row.bits) - 1)


def _ordinary_floats(parts: Float, x: Any) -> Any:
    one = np.uint64
    reach = max(0, min(4, parts.bias - 1, (1 << parts.exponent) - 2 - parts.bias))
    exponent = x % one(2 * reach + 1) + one(parts.bias - reach)
    mantissa = (x >> one(8)) & one((1 << min(parts.mantissa, 52)) - 1)
    sign = x >> one(63) if parts.signed else np.zeros_like(x)
    if parts.nans == "x87":
        words = np.empty((*x.shape, 2), np.uint64)
        words[..., 0] = mantissa | one(1 << 63)
        words[..., 1] = exponent | sign << one(15)
        return words
    return sign << one(parts.exponent + parts.mantissa) | exponent << one(parts.mantissa) | mantissa


def _any(row: DType, x: Any, seed: int) -> Any:
    """Return arbitrary bit patterns: every pattern of the dtype is possible."""
    if row.float is not None and row.float.nans == "x87":
        words = np.empty((*x.shape, 2), np.uint64)
        words[..., 1] = _hashes(seed + 1, x.size).reshape(x.shape) & np.uint64(0xFFFF)
        normal = (words[..., 1] & np.uint64(0x7FFF)) != 0
        words[..., 0] = np.where(normal, x | np.uint64(1 << 63), x & np.uint64((1 << 63) - 1))
        return words
    return x & np.uint64((1 << (row.bits // row.parts)) - 1)


def words(dtype: str, shape: tuple[int, ...], fill: Fill) -> Any:
    """Return the words of a tensor in C order: an array of ``shape``, plus one axis where an
    element needs several words.

    Not for dtypes of kind "struct" (built field by field), "string" (see `texts`) or "object" (see
    `objects`).
    """
    row = DTYPES[dtype]
    if row.kind in ("text", "bytes"):
        return _text_words(row, shape, fill)
    full = (*shape, row.words) if row.words > 1 else shape
    out = np.zeros(full, _WORDS[row.word])
    size = int(np.prod(shape, dtype=np.int64))
    if fill.seed and size:
        x = _hashes(fill.seed, size * row.parts).reshape((*shape, row.parts) if row.parts > 1 else shape)
        bits = _ordinary(row, x) if fill.span == "ordinary" else _any(row, x, fill.seed)
        out[...] = bits.reshape(full)
    if size:
        flat = out.reshape(size, row.words)
        for place, pattern in fill.specials:
            pattern &= row.mask
            flat[place % size] = [pattern >> row.word * word & (1 << row.word) - 1 for word in range(row.words)]
    return out


def _choices(count: int, shape: tuple[int, ...], fill: Fill, special: int = 0) -> Any:
    """Return, for each element, the index of its text or object.

    Ordinary elements use the first ``count`` indices. The ``special`` indices after those occur
    only where the fill names them as special patterns.
    """
    size = int(np.prod(shape, dtype=np.int64))
    chosen = np.zeros(size, np.int64)
    if fill.seed and size:
        first = 1 if fill.span == "ordinary" else 0
        chosen[:] = _hashes(fill.seed, size) % np.uint64(count - first) + np.uint64(first)
    for place, pattern in fill.specials:
        if size:
            chosen[place % size] = pattern % (count + special)
    return chosen.reshape(shape)


def _text_words(row: DType, shape: tuple[int, ...], fill: Fill) -> Any:
    source = np.array(TEXTS, "=U8") if row.kind == "text" else np.array(BYTES, "S8")
    table = np.frombuffer(source.tobytes(), _WORDS[row.word]).reshape(len(source), row.words)
    return table[_choices(len(source), shape, fill)]


def texts(shape: tuple[int, ...], fill: Fill, binary: bool) -> Any:
    """Return the elements of a "string" tensor: an array of ``shape`` of str, or of bytes if
    ``binary``.
    """
    table: tuple[Any, ...] = (*BYTES, *LONG_BYTES) if binary else (*TEXTS, *LONG_TEXTS)
    return _from_table(table, _choices(len(TEXTS), shape, fill, len(LONG_TEXTS)))


def objects(shape: tuple[int, ...], fill: Fill) -> Any:
    """Return the elements of an "object" array: an array of ``shape`` of plain Python values."""
    return _from_table(OBJECTS, _choices(len(OBJECTS), shape, fill))


def _from_table(table: tuple[Any, ...], chosen: Any) -> Any:
    elements = np.empty(chosen.shape, object)
    elements.reshape(-1)[:] = [table[choice] for choice in chosen.reshape(-1).tolist()]
    return elements


def logical_words(spec: TensorSpec) -> Any:
    """Return the words of the built tensor, element by element, for any layout.

    The array is C-contiguous.
    """
    if spec.layout != "broadcast":
        return words(spec.dtype, spec.shape, spec.fill)
    block = words(spec.dtype, (1, *spec.shape[1:]), spec.fill)
    return np.ascontiguousarray(np.broadcast_to(block, (*spec.shape, *block.shape[len(spec.shape) :])))


def sparse_mask(shape: tuple[int, ...], seed: int) -> Any:
    """Return which elements a sparse tensor of this shape stores: about half, and always the first
    one.
    """
    size = int(np.prod(shape, dtype=np.int64))
    mask = _hashes(seed + 1, size) & np.uint64(1) == 0
    if size:
        mask[0] = True
    return mask.reshape(shape)
