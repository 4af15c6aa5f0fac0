"""The table of dtypes: the bits of an element, its special bit patterns, and the backends that have it.

Plain Python, without any framework. A *pattern* is an int with the storage words of one element,
lowest word first. Its padding bits, which are not part of the value, are zero.
"""

from __future__ import annotations

import dataclasses
import functools

#: The names of the built-in backends, for the columns of the tables in this package.
NUMPY, TORCH, TENSORFLOW, JAX, MXNET = "numpy", "torch", "tensorflow", "jax", "mxnet"
EVERY = (NUMPY, TORCH, TENSORFLOW, JAX, MXNET)
FOUR = (NUMPY, TORCH, TENSORFLOW, JAX)
ML_DTYPES = (NUMPY, TENSORFLOW, JAX)

#: Elements of text dtypes. A pattern is an index into this tuple.
TEXTS = ("", "a", "zero", "0", "naïve", "日本", "\U0001f600", "a b", "x\ny", "12345678")
#: The same for byte strings. Fixed-width byte strings cannot represent trailing NULs, so no element has one.
BYTES = (b"", b"a", b"zero", b"0", b"\x80\xff", b"\x00a", b"\xfe\x01", b"a b", b"x\ny", b"12345678")
#: Further elements of strings of any length, which are only special patterns: with NULs inside and at the end, and longer than
#: 16 bytes, than 255 bytes and than 65,535 bytes.
LONG_TEXTS = ("a\0b", "a\0", "é" * 20, "0123456789" * 30, "0123456789" * 7_000)
LONG_BYTES = (b"a\0b", b"a\0", b"\xff" * 20, b"0123456789" * 30, b"0123456789" * 7_000)
#: Elements of arrays of Python objects.
OBJECTS = (0, 1, -1, 1 << 70, None, "", "naïve", 0.5, True, b"\x80\x00")


#: Kinds of dtypes whose patterns are indexes into a tuple of elements.
CHOSEN = ("text", "bytes", "string", "object")


@dataclasses.dataclass(frozen=True)
class Float:
    """The numbers of exponent and mantissa bits of a floating-point element.

    ``nans`` tells which patterns are NaN: "ieee" (the largest exponent, which also has infinities),
    "fn" (all ones only), "negative-zero" (the pattern that is -0.0 elsewhere), "none", "all-ones"
    (unsigned, e8m0), or "x87" (ieee with an explicit integer bit).
    """

    exponent: int
    mantissa: int
    nans: str = "ieee"
    signed: bool = True

    @property
    def bias(self) -> int:
        if self.nans == "negative-zero":
            return 1 << (self.exponent - 1)
        return (1 << (self.exponent - 1)) - 1


@dataclasses.dataclass(frozen=True)
class DType:
    """One row of the table.

    ``bits`` is the number of value bits of one element. In memory, an element has ``words``
    unsigned integers of ``word`` bits each. ``kind`` is "bool", "int", "uint", "float", "complex",
    "raw" (only the framework interprets the bits), "time", "text", "bytes", "string" (of any
    length), "struct" or "object".
    """

    name: str
    kind: str
    bits: int
    backends: tuple[str, ...]
    word: int = 0
    words: int = 1
    float: Float | None = None
    fields: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.word:
            object.__setattr__(self, "word", max(8, self.bits // self.words))

    @property
    def itemsize(self) -> int:
        """Return the number of bytes of one element in memory."""
        return self.word * self.words // 8

    @property
    def parts(self) -> int:
        """Return how many numbers one element has: two for complex dtypes, otherwise one."""
        return 2 if self.kind == "complex" else 1

    @property
    def mask(self) -> int:
        """Return the pattern in which every value bit is set."""
        if self.kind in CHOSEN:
            return (1 << 64) - 1
        half = (1 << (self.bits // self.parts)) - 1
        return half if self.parts == 1 else half | half << (self.word * self.words // 2)

    def has_padding(self) -> bool:
        """Return whether an element in memory has bits that are not part of the value."""
        return self.bits < self.word * self.words


def _float_rows() -> list[DType]:
    small = {
        "float4_e2m1fn": (4, Float(2, 1, "none"), ML_DTYPES),
        "float6_e2m3fn": (6, Float(2, 3, "none"), (NUMPY,)),
        "float6_e3m2fn": (6, Float(3, 2, "none"), (NUMPY,)),
        "float8_e3m4": (8, Float(3, 4), (NUMPY, JAX)),
        "float8_e4m3": (8, Float(4, 3), (NUMPY, JAX)),
        "float8_e4m3b11fnuz": (8, Float(4, 3, "negative-zero"), ML_DTYPES),
        "float8_e4m3fn": (8, Float(4, 3, "fn"), FOUR),
        "float8_e4m3fnuz": (8, Float(4, 3, "negative-zero"), FOUR),
        "float8_e5m2": (8, Float(5, 2), FOUR),
        "float8_e5m2fnuz": (8, Float(5, 2, "negative-zero"), FOUR),
        "float8_e8m0fnu": (8, Float(8, 0, "all-ones", signed=False), (NUMPY, TORCH, JAX)),
        "float16": (16, Float(5, 10), EVERY),
        "bfloat16": (16, Float(8, 7), FOUR),
        "float32": (32, Float(8, 23), EVERY),
        "float64": (64, Float(11, 52), EVERY),
    }
    rows = [DType(name, "float", bits, backends, float=parts) for name, (bits, parts, backends) in small.items()]
    rows.append(DType("longdouble", "float", 80, (NUMPY,), word=64, words=2, float=Float(15, 63, "x87")))
    return rows


def _rows() -> list[DType]:
    rows = [DType("bool", "bool", 1, EVERY)]
    for bits, backends in ((1, (NUMPY, JAX)), (2, ML_DTYPES), (4, ML_DTYPES)):
        rows += [DType(f"int{bits}", "int", bits, backends), DType(f"uint{bits}", "uint", bits, backends)]
    for bits in (8, 16, 32, 64):
        rows.append(DType(f"int{bits}", "int", bits, FOUR if bits == 16 else EVERY))
        rows.append(DType(f"uint{bits}", "uint", bits, EVERY if bits == 8 else FOUR))
    rows += _float_rows()
    rows += [
        DType("complex32", "complex", 32, (NUMPY, TORCH), word=16, words=2, float=Float(5, 10)),
        DType("bcomplex32", "complex", 32, (NUMPY,), word=16, words=2, float=Float(8, 7)),
        DType("complex64", "complex", 64, FOUR, word=32, words=2, float=Float(8, 23)),
        DType("complex128", "complex", 128, FOUR, word=64, words=2, float=Float(11, 52)),
        DType("clongdouble", "complex", 160, (NUMPY,), word=64, words=4, float=Float(15, 63, "x87")),
        DType("float4_e2m1fn_x2", "raw", 8, (TORCH,)),
        DType("qint8", "raw", 8, (TENSORFLOW,)),
        DType("quint8", "raw", 8, (TENSORFLOW,)),
        DType("qint16", "raw", 16, (TENSORFLOW,)),
        DType("quint16", "raw", 16, (TENSORFLOW,)),
        DType("qint32", "raw", 32, (TENSORFLOW,)),
        DType("datetime64", "time", 64, (NUMPY,)),
        DType("timedelta64", "time", 64, (NUMPY,)),
        DType("datetime64-ns", "time", 64, (NUMPY,)),
        DType("datetime64-D", "time", 64, (NUMPY,)),
        DType("timedelta64-ns", "time", 64, (NUMPY,)),
        DType("timedelta64-D", "time", 64, (NUMPY,)),
        DType("void", "raw", 64, (NUMPY,)),
        DType("object", "object", 0, (NUMPY,), word=64),
        DType("text", "text", 256, (NUMPY,), word=32, words=8),
        DType("bytes", "bytes", 64, (NUMPY,), word=8, words=8),
        DType("string", "string", 0, (NUMPY, TENSORFLOW, JAX), word=64),
        DType("struct", "struct", 88, (NUMPY,), word=8, words=11, fields=_FIELDS),
        DType("struct-aligned", "struct", 88, (NUMPY,), word=8, words=24, fields=_FIELDS),
        DType("struct-nested", "struct", 72, (NUMPY,), word=8, words=9, fields=_NESTED),
        DType("struct-subarray", "struct", 208, (NUMPY,), word=8, words=26, fields=_SUBARRAY),
    ]
    return rows


_FIELDS = (("flag", "int8"), ("weight", "float64"), ("count", "uint16"))
_NESTED = (("id", "int64"), ("pair.low", "int8"))
#: A field that is a small array, in the notation of NumPy.
_SUBARRAY = (("id", "int16"), ("grid", "(2,3)float32"))

#: Every dtype by name, in the order in which they are listed and drawn.
DTYPES: dict[str, DType] = {row.name: row for row in _rows()}


@functools.cache
def dtypes_of(backend: str) -> tuple[str, ...]:
    """Return the names of the dtypes that the built-in ``backend`` has in some version."""
    return tuple(row.name for row in DTYPES.values() if backend in row.backends)


def is_nan(parts: Float, bits: int) -> bool:
    """Return whether the ``bits`` of one floating-point number are a NaN."""
    magnitude = bits & ((1 << (parts.exponent + parts.mantissa)) - 1)
    top = (1 << parts.exponent) - 1
    if parts.nans == "ieee":
        return magnitude >> parts.mantissa == top and magnitude & ((1 << parts.mantissa) - 1) != 0
    if parts.nans == "x87":
        return (bits >> 64) & 0x7FFF == 0x7FFF and bits & ((1 << 63) - 1) != 0
    if parts.nans == "negative-zero":
        return bits == 1 << (parts.exponent + parts.mantissa)
    if parts.nans == "none":
        return False
    return magnitude == (1 << (parts.exponent + parts.mantissa)) - 1


def _float_patterns(parts: Float) -> tuple[int, ...]:
    """Return zero, -0.0, the smallest and largest subnormal and normal numbers, infinities and NaNs, where they exist."""
    exponent, mantissa = parts.exponent, parts.mantissa
    if parts.nans == "x87":
        one, sign = 1 << 63, 1 << 79
        magnitudes = [
            0, 1, one - 1, 1 << 64 | one, 0x7FFE << 64 | one | (one - 1),
            0x7FFF << 64 | one, 0x7FFF << 64 | one | 1 << 62, 0x7FFF << 64 | one | 1 << 62 | 0x2A, 0x7FFF << 64 | one | 1,
        ]  # fmt: skip
    else:
        sign = 1 << (exponent + mantissa)
        top = (1 << exponent) - 1
        infinity = top << mantissa
        quiet = infinity | 1 << (mantissa - 1) if mantissa else infinity
        magnitudes = [0, 1, (1 << mantissa) - 1, 1 << mantissa, infinity - 1, infinity, quiet, quiet | 1, infinity | 1]
        magnitudes += [sign - 1, sign - 2]
    patterns = [signed for magnitude in magnitudes for signed in (magnitude, magnitude | sign if parts.signed else magnitude)]
    return tuple(dict.fromkeys(patterns))


@functools.cache
def special_patterns(name: str) -> tuple[int, ...]:
    """Return the bit patterns that formats often change, simplest first, without duplicates."""
    row = DTYPES[name]
    if row.kind in CHOSEN:
        more = {"string": len(LONG_TEXTS), "object": len(OBJECTS) - len(TEXTS)}
        return tuple(range(len(TEXTS) + more.get(row.kind, 0)))
    if row.kind == "bool":
        return (0, 1)
    if row.kind == "struct":
        return (0,)
    if row.float is not None and row.kind == "float":
        return _float_patterns(row.float)
    if row.float is not None:
        half = row.word * row.words // 2
        single = _float_patterns(row.float)
        return tuple(dict.fromkeys([*single, *(bits << half for bits in single), *(bits | bits << half for bits in single)]))
    top = 1 << (row.bits - 1)
    values = [0, 1, row.mask, top, top - 1, 0x80, 0xFF, 0x7F, (1 << 53) + 1, (1 << 24) + 1, 0x8081828384858687]
    return tuple(dict.fromkeys(value & row.mask for value in values))


@functools.cache
def nan_patterns(name: str) -> tuple[int, ...]:
    """Return the special patterns with a NaN as one of their numbers: quiet, signaling, with payload and with sign."""
    row = DTYPES[name]
    if row.float is None:
        return ()
    half = row.word * row.words // row.parts
    low = (1 << half) - 1
    return tuple(
        bits for bits in special_patterns(name) if any(is_nan(row.float, bits >> (half * part) & low) for part in range(row.parts))
    )
