"""Draw specs of tensors, and of flat lists and dicts of tensors.

A spec is decoded from a few small integers, not put together from nested strategies, because that
is fast. Every table is ordered from simple to complex, so smaller integers give simpler specs, and
shrinking the integers shrinks the spec.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from ..backends import capabilities, check_name, get_backend
from ..backends.base import Backend
from ..specs import DTYPES, LAYOUTS, DictSpec, Fill, ListSpec, TensorSpec, layout_error, special_patterns
from ..specs.keys import KEYS
from .names import checked_names

#: Lengths of a dimension, from simple to extreme, as often as they are drawn. Shrinking ends at 1.
_LENGTHS = (1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 0)
#: Ranks, as often as they are drawn. Without 5 and 6, no tensor had more dimensions than an image.
_RANKS = (1, 1, 0, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6)
_BYTE = st.integers(0, 255)
#: The dtype, the rank, two bytes of lengths, the layout, two bytes of seed, the span of the values.
_FIXED_BYTES = 8


def tensor_specs(
    backend: str,
    *,
    dtypes: Iterable[str] | None = None,
    shapes: Iterable[tuple[int, ...]] | st.SearchStrategy[tuple[int, ...]] | None = None,
    layouts: Iterable[str] | None = None,
    special_values: bool = True,
    max_bytes: int = 4096,
) -> st.SearchStrategy[TensorSpec]:
    """Return a strategy of `TensorSpec`: tensors that ``backend`` can build now.

    Which dtypes are possible depends on the settings of the process at the time of drawing: JAX has
    64-bit dtypes only if they are enabled.

    ``dtypes`` are names of dtypes (default: all that are possible). ``shapes`` is a collection of
    tuples or a strategy that draws tuples (default: up to 6 dimensions of 0 to 5 elements).
    ``layouts`` are names of memory layouts (default: all of the backend); where a layout does not
    fit the shape, the layout "c" is drawn. With ``special_values=False``, values are finite and of
    medium size. ``max_bytes`` limits the size of the values (default 4096): a longer shape loses
    its first dimensions.

    Raise ValueError for an unknown name. Drawing raises ValueError if none of the dtypes is
    possible.
    """
    check_name(backend)
    wanted = None if dtypes is None else checked_names(dtypes, DTYPES, "dtype")
    memory = _layouts_of(backend) if layouts is None else checked_names(layouts, LAYOUTS, "layout")
    if shapes is not None and not isinstance(shapes, st.SearchStrategy):
        shapes = st.sampled_from([tuple(shape) for shape in shapes])
    return st.deferred(lambda: _tensor_specs(get_backend(backend), wanted, shapes, memory, special_values, max_bytes))


def list_specs(backend: str, *, min_size: int = 0, max_size: int = 4, **narrow: Any) -> st.SearchStrategy[ListSpec]:
    """Return a strategy of `ListSpec`: flat lists of ``min_size`` to ``max_size`` tensors.

    Other keywords are those of `tensor_specs`.
    """
    tensor = tensor_specs(backend, **narrow)
    return st.lists(tensor, min_size=min_size, max_size=max_size).map(lambda items: ListSpec(tuple(items)))


def dict_specs(
    backend: str, *, keys: Sequence[Any] | None = None, min_size: int = 0, max_size: int = 4, **narrow: Any
) -> st.SearchStrategy[DictSpec]:
    """Return a strategy of `DictSpec`: flat dicts of ``min_size`` to ``max_size`` tensors.

    ``keys`` are the keys to draw from (default: plain and unusual strings). Other keywords are
    those of `tensor_specs`. Raise ValueError if ``keys`` is empty.
    """
    names = st.lists(drawn_keys(keys), min_size=min_size, max_size=max_size, unique=True)
    tensor = tensor_specs(backend, **narrow)

    def filled(drawn: Sequence[Any]) -> st.SearchStrategy[DictSpec]:
        return st.tuples(*(tensor for _ in drawn)).map(lambda items: DictSpec(tuple(zip(drawn, items, strict=True))))

    return names.flatmap(filled)


def drawn_keys(keys: Sequence[Any] | None) -> st.SearchStrategy[Any]:
    """Return a strategy of one of ``keys``; by default, of strings from plain to unusual."""
    if keys is not None and not keys:
        raise ValueError("no key is left to draw from")
    plain = ("a", "b", "c", "weight", "bias")
    unusual = tuple(key for case in KEYS.values() for key in case if isinstance(key, str))
    return st.sampled_from(list(dict.fromkeys((*plain, *unusual))) if keys is None else list(keys))


def _layouts_of(backend: str) -> tuple[str, ...]:
    return tuple(name for name in LAYOUTS if name in capabilities(backend).layouts)


def _tensor_specs(
    backend: Backend,
    wanted: tuple[str, ...] | None,
    shapes: st.SearchStrategy[tuple[int, ...]] | None,
    layouts: tuple[str, ...],
    special_values: bool,
    max_bytes: int,
) -> st.SearchStrategy[TensorSpec]:
    possible = backend.dtypes()
    names = possible if wanted is None else tuple(name for name in wanted if name in possible)
    if not names:
        raise ValueError(f"{backend.name} {backend.version()} has none of the dtypes {wanted} with its current settings")
    names = ("float32", *(name for name in names if name != "float32")) if "float32" in names else names
    extra = () if shapes is None else (shapes,)
    return st.tuples(*[_BYTE] * (_FIXED_BYTES + 4 * special_values), *extra).map(
        functools.partial(_decode, backend, names, layouts, max_bytes, special_values, shapes is not None)
    )


def _decode(
    backend: Backend,
    names: tuple[str, ...],
    layouts: tuple[str, ...],
    max_bytes: int,
    special_values: bool,
    given_shape: bool,
    drawn: tuple[Any, ...],
) -> TensorSpec:
    """Return the spec that the drawn bytes encode.

    All draws have the same range because Hypothesis copies choices from one place to another. If
    some draws were booleans, their zeros and ones would replace most of the other values.
    """
    # The bytes of the seed take part in the choice of the dtype. Hypothesis often varies only some
    # bytes of one example, many times. If the first byte is not one of them, a dtype could be missing
    # from a thousand draws. A first byte of zero still gives the first dtype.
    choice = drawn[0] and 1 + (drawn[0] + drawn[5] + drawn[6]) % 255
    dtype = names[choice * len(names) >> 8]
    shape = _limited(drawn[-1] if given_shape else _shape(drawn[1:4]), DTYPES[dtype].itemsize, max_bytes)
    layout = _layout(layouts, drawn[4], dtype, shape)
    fill = Fill(drawn[5] << 8 | drawn[6])
    if special_values:
        patterns = special_patterns(dtype)
        pairs = ((drawn[8], drawn[9]), (drawn[10], drawn[11]))
        # Each of the two pairs places a special value in half of all draws.
        specials = tuple((place, patterns[(value - 128) * len(patterns) >> 7]) for place, value in pairs if value >= 128)
        fill = Fill(fill.seed, "any" if drawn[7] >= 128 else "ordinary", specials)
    spec = TensorSpec(dtype, shape, layout, fill)
    if layout != "c" and backend.refusal(spec):
        spec = TensorSpec(dtype, shape, "c", fill)
    if backend.refusal(spec):
        reject()
    return spec


def _shape(drawn: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape encoded in a byte for the rank, and bytes for two lengths each."""
    rank = _RANKS[drawn[0] >> 4]
    lengths = [_LENGTHS[digit] for byte in drawn[1:] for digit in (byte >> 4, byte & 15)]
    return (*lengths, 1, 2)[:rank]


def _limited(shape: tuple[int, ...], itemsize: int, max_bytes: int) -> tuple[int, ...]:
    """Return the shape without as many first dimensions as exceed ``max_bytes``."""
    while shape:
        size = itemsize
        for length in shape:
            size *= length
        if size <= max_bytes:
            break
        shape = shape[1:]
    return shape


@functools.cache
def _fitting_layouts(layouts: tuple[str, ...], dtype: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    fitting = [layout for layout in layouts if not layout_error(layout, dtype, shape)]
    # Layouts with gaps count twice. Many tensors are too small for them, and writers get them wrong.
    return tuple(layout for layout in fitting for _ in range(1 + LAYOUTS[layout].scattered))


def _layout(layouts: tuple[str, ...], drawn: int, dtype: str, shape: tuple[int, ...]) -> str:
    """Return one of the layouts that are possible for the shape, or "c" if none is."""
    fitting = _fitting_layouts(layouts, dtype, shape)
    return fitting[drawn * len(fitting) >> 8] if fitting else "c"
