"""The families `dtype`, `bits`, `nan-payload` and `shape`: what the elements of a plain tensor are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..specs import DTYPES, Fill, Spec, TensorSpec, nan_patterns, special_patterns
from ..specs.capabilities import needs_of
from .base import CORE, EXTENDED, Check, FormatProfile, check, plain_shapes

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def _dtype(asking: FormatProfile, name: str) -> Iterator[Spec]:
    """A tensor of this dtype comes back with this dtype and its ordinary values.

    Why: dtypes are cast on the way, up or down, or their name is lost and raw bytes come back (jax-ml/ml_dtypes#41,
    helmholtz-analytics/heat#2004, jax-ml/jax#17858).
    What to do: store the dtype's name beside the bytes, and refuse what cannot be stored.
    """
    yield asking.carry(TensorSpec(name, (2,), fill=Fill(1)))
    yield asking.carry(TensorSpec(name, (2, 3), fill=Fill(2)))
    if asking.domain != "tensor":
        yield asking.carry(TensorSpec(name, (1,), fill=Fill(3)), TensorSpec(name, (1,), fill=Fill(4)))
    if DTYPES[name].kind == "object":  # What is written may depend on whether all elements are of one type: each by itself.
        for pattern in special_patterns(name):
            yield asking.carry(TensorSpec(name, (1,), fill=Fill(specials=((0, pattern),))))


def _explore_dtype(asking: FormatProfile, name: str) -> SearchStrategy[Any]:
    from ..strategies import tensor_specs

    return asking.carried(tensor_specs(asking.backend, dtypes=[name], layouts=["c"], shapes=plain_shapes(), special_values=False))


def _bits(asking: FormatProfile, name: str) -> Iterator[Spec]:
    """Every bit pattern of this dtype comes back: -0.0, subnormals, infinities, extreme integers, bytes from 0x80 on; a NaN
    stays a NaN, whatever its payload.

    Why: values take a detour through text, another dtype or a sentinel (zarr-developers/zarr-python#3144,
    lebedov/msgpack-numpy#39, zarr-developers/zarr-python#703, h5py/h5py#819).
    What to do: move whole buffers, and never compare an element with a fill value by ==.
    """
    patterns = special_patterns(name)
    row = DTYPES[name]
    for pattern in patterns:
        yield asking.carry(TensorSpec(name, (1 if row.kind == "object" else 2,), fill=Fill(specials=((0, pattern),))))
    yield asking.carry(TensorSpec(name, (len(patterns),), fill=Fill(specials=tuple(enumerate(patterns)))))
    if 1 < row.bits <= 16 and row.kind != "complex":
        every = tuple(enumerate(range(1 << row.bits))) if row.bits <= 8 else ()
        yield asking.carry(TensorSpec(name, (max(len(every), 4096),), fill=Fill(1, "any", every)))
    else:
        yield asking.carry(TensorSpec(name, (257,), fill=Fill(1, "any")))


def _explore_bits(asking: FormatProfile, name: str) -> SearchStrategy[Any]:
    from ..strategies import tensor_specs

    return asking.carried(tensor_specs(asking.backend, dtypes=[name], layouts=["c"], shapes=plain_shapes()))


def _nan_payload(asking: FormatProfile, name: str) -> Iterator[Spec]:
    """The payload, the signalling bit and the sign of NaNs come back.

    Why: a float that passes through a wider or narrower register has its NaN quieted (python/cpython#130452,
    msgpack/msgpack-c#1087).
    What to do: copy bytes, never numbers.
    """
    patterns = nan_patterns(name)
    for pattern in patterns:
        yield asking.carry(TensorSpec(name, (2,), fill=Fill(specials=((0, pattern),))))
    yield asking.carry(TensorSpec(name, (len(patterns),), fill=Fill(specials=tuple(enumerate(patterns)))))


#: What is asserted, why, and what to do, where one function serves many cases.
Family = Callable[[FormatProfile, str], Iterator[Spec]]


def _family(family: str, level: str, judges: set[str], names: list[str], examples: Family, explore: Any) -> tuple[Check, ...]:
    def one(name: str) -> Check:
        return Check(
            name=f"{family}/{name}",
            level=level,
            judges=frozenset(judges),
            needs=needs_of({"dtypes": name}),
            examples=lambda asking: examples(asking, name),
            explore=lambda asking: explore(asking, name),
            why=inspect.getdoc(examples) or "",
        )

    return tuple(one(name) for name in names)


def _has_payload(name: str) -> bool:
    """Whether a NaN of this dtype can differ from another NaN."""
    return len(nan_patterns(name)) > 1


DTYPE = _family("dtype", CORE, {"dtype", "values"}, list(DTYPES), _dtype, _explore_dtype)
BITS = _family("bits", CORE, {"values"}, list(DTYPES), _bits, _explore_bits)
NAN_PAYLOAD = _family(
    "nan-payload", EXTENDED, {"nan-payload"}, [name for name in DTYPES if _has_payload(name)], _nan_payload, _explore_bits
)


def _explore_shapes(
    lengths: tuple[int, int], ranks: tuple[int, int], keep: Callable[[tuple[int, ...]], bool] = lambda shape: True
) -> Callable[[FormatProfile], SearchStrategy[Any]]:
    """Tensors whose dimensions are of these lengths, and of these ranks, from least to most."""

    def explore(asking: FormatProfile) -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        from ..strategies import tensor_specs

        shapes = st.lists(st.integers(*lengths), min_size=ranks[0], max_size=ranks[1]).map(tuple).filter(keep)
        narrow = {"dtypes": ["float32"], "layouts": ["c"], "special_values": False, "max_bytes": 1 << 16}
        return asking.carried(tensor_specs(asking.backend, shapes=shapes, **narrow))  # type: ignore[arg-type]

    return explore


def _tensors(asking: FormatProfile, *shapes: tuple[int, ...]) -> Iterator[Spec]:
    for seed, shape in enumerate(shapes, start=1):
        yield asking.carry(TensorSpec("float32", shape, fill=Fill(seed)))


_SHAPE = {"shape", "values"}


@check("shape/plain", judges=_SHAPE, explore=_explore_shapes((2, 4), (1, 4)))
def plain(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor with a few dimensions of different lengths keeps them.

    Why: dimensions swapped or flattened with the memory (keras-team/keras#6759).
    What to do: store the shape as a list, and reshape on loading.
    """
    return _tensors(asking, (2,), (2, 3), (2, 3, 4))


@check("shape/scalar", judges=_SHAPE)
def scalar(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor without dimensions comes back without dimensions.

    Why: a shape of length zero is taken for "none", or becomes (1,) (apache/mxnet#15988, patrick-kidger/equinox#914).
    What to do: store the rank, and do not test a shape for truth.
    """
    return _tensors(asking, ())


@check("shape/empty", judges=_SHAPE)
def empty(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor of shape (0,) comes back with that shape.

    Why: empty buffers are refused or lost (safetensors/safetensors#442, safetensors/safetensors#280, h5py/h5py#380).
    What to do: write the header even when there is nothing after it.
    """
    return _tensors(asking, (0,))


@check("shape/zero-size-inside", judges=_SHAPE, explore=_explore_shapes((0, 3), (2, 6), lambda shape: 0 in shape))
def zero_size_inside(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor without elements keeps its other dimensions.

    Why: chunk sizes and strides computed from a zero (zarr-developers/zarr-python#4328).
    What to do: keep the shape apart from the number of bytes.
    """
    return _tensors(asking, (0, 3), (3, 0), (2, 0, 3))


@check("shape/ones", judges=_SHAPE)
def ones(asking: FormatProfile) -> Iterator[Spec]:
    """Dimensions of length one are neither dropped nor added.

    Why: (1, D) stored as (D,) (city96/ComfyUI-GGUF#392, patrick-kidger/equinox#914).
    What to do: never squeeze.
    """
    return _tensors(asking, (1,), (1, 1), (1, 3), (3, 1), (1, 1, 1, 1))


@check("shape/high-rank", judges=_SHAPE, explore=_explore_shapes((1, 2), (5, 8)))
def high_rank(asking: FormatProfile) -> Iterator[Spec]:
    """Tensors with many dimensions come back.

    Why: formats have a fixed number of slots for dimensions.
    What to do: refuse more dimensions than the header holds.
    """
    return _tensors(asking, (2, 1, 2, 1, 2), (2, 1, 2, 1, 2, 2), (2, 1, 2, 1, 2, 1, 2), (1, 2) * 4, (1,) * 16)


@check("shape/many-elements", judges=_SHAPE)
def many_elements(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor larger than any buffer on the way comes back whole.

    Why: chunks lost, repeated or cut (google/tensorstore#181, joblib/joblib#287).
    What to do: test with more data than one chunk.
    """
    return _tensors(asking, ((1 << 20) + 3,))
