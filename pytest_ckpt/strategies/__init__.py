"""Hypothesis strategies: specs, and real objects that a backend builds from them.

Everything legal is drawn by default, and one keyword narrows each thing. A spec is decoded from a handful of small
ints rather than assembled from nested strategies: that is what makes drawing fast, and since every table is ordered
simplest first, smaller ints mean simpler specs and Hypothesis shrinks them well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hypothesis import note, reject
from hypothesis import strategies as st

from ..backends import capabilities, check_name, get_backend, get_models, get_training
from ..backends.base import Backend, CannotBuild
from ..backends.training_base import preserve_rng
from ..backends.tree_builder import build_tree
from ..specs import (
    DTYPES,
    LAYOUTS,
    DataclassSpec,
    DictSpec,
    Fill,
    ListSpec,
    ModelSpec,
    NamedTupleSpec,
    PlainSpec,
    SameAs,
    ScalarSpec,
    Spec,
    TensorSpec,
    TrainingSpec,
    TupleSpec,
    misfit,
    special_patterns,
)
from ..specs.keys import KEYS
from ..util.suggestions import nearest
from .models import chosen, model_specs, training_specs

__all__ = [
    "CONTAINERS", "BackendStrategies", "dict_specs", "dicts", "list_specs", "lists", "model_specs", "models", "tensor_specs", "tensors",
    "training_runs", "training_specs", "tree_specs", "trees",
]  # fmt: skip

#: Containers that trees are made of, simplest first.
CONTAINERS = ("dict", "list", "tuple", "ordered-dict", "namedtuple", "dataclass")

#: Lengths of a dimension by how often they are drawn, simplest first: 1 is where shrinking ends, 0 is an extreme.
_LENGTHS = (1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 0)
#: Ranks by how often they are drawn. Without the 5 and 6 no tensor would have more dimensions than an image.
_RANKS = (1, 1, 0, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6)
_BYTE = st.integers(0, 255)
#: dtype, rank, two bytes of lengths, layout, two bytes of seed, span.
_FIXED_BYTES = 8
_PLAIN = (None, True, False, 0, 1, -1, 1 << 70, 0.5, -0.0, float("inf"), float("nan"), "", "text", "é", b"", b"\x80\xff")


def tensor_specs(
    backend: str,
    *,
    dtypes: Iterable[str] | None = None,
    shapes: Iterable[tuple[int, ...]] | st.SearchStrategy[tuple[int, ...]] | None = None,
    layouts: Iterable[str] | None = None,
    special_values: bool = True,
    max_bytes: int = 4096,
) -> st.SearchStrategy[TensorSpec]:
    """Specs of tensors that ``backend`` can build with the settings that the process has.

    ``dtypes`` and ``layouts`` are names (default: all there are), ``shapes`` a collection or a strategy of tuples,
    ``special_values=False`` draws finite values of middling size only, and no tensor's values take more than
    ``max_bytes`` bytes. Raises ValueError for an unknown name.
    """
    check_name(backend)
    wanted = None if dtypes is None else chosen(dtypes, DTYPES, "dtype")
    arranged = (
        tuple(name for name in LAYOUTS if name in capabilities(backend).layouts) if layouts is None else chosen(layouts, LAYOUTS, "layout")
    )
    if shapes is not None and not isinstance(shapes, st.SearchStrategy):
        shapes = st.sampled_from([tuple(shape) for shape in shapes])
    return st.deferred(lambda: _tensor_specs(get_backend(backend), wanted, shapes, arranged, special_values, max_bytes))


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
        raise ValueError(f"{backend.name} {backend.version()} has none of the dtypes {wanted} with its present settings")
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
    """The spec that some drawn bytes stand for. All draws have one range on purpose: Hypothesis copies choices from
    one place to another, and were one of them a coin, its zeros and ones would crowd out everything else."""
    # The seed's bytes help to choose the dtype, for Hypothesis varies one example a little many times, and a byte that does not
    # vary meanwhile would leave a dtype out of a thousand draws. Zero still means the first.
    choice = drawn[0] and 1 + (drawn[0] + drawn[5] + drawn[6]) % 255
    dtype = names[choice * len(names) >> 8]
    shape = _fitting(drawn[-1] if given_shape else _shape(drawn[1:4]), DTYPES[dtype].itemsize, max_bytes)
    layout = _layout(layouts, drawn[4], dtype, shape)
    fill = Fill(drawn[5] << 8 | drawn[6])
    if special_values:
        patterns = special_patterns(dtype)
        pairs = ((drawn[8], drawn[9]), (drawn[10], drawn[11]))
        # Half of all draws leave the place without a special value.
        specials = tuple((place, patterns[(value - 128) * len(patterns) >> 7]) for place, value in pairs if value >= 128)
        fill = Fill(fill.seed, "any" if drawn[7] >= 128 else "ordinary", specials)
    spec = TensorSpec(dtype, shape, layout, fill)
    if layout != "c" and backend.refusal(spec):
        spec = TensorSpec(dtype, shape, "c", fill)
    if backend.refusal(spec):
        reject()
    return spec


def _shape(drawn: tuple[int, ...]) -> tuple[int, ...]:
    """A rank, and lengths of which two come from one byte."""
    rank = _RANKS[drawn[0] >> 4]
    lengths = [_LENGTHS[digit] for byte in drawn[1:] for digit in (byte >> 4, byte & 15)]
    return (*lengths, 1, 2)[:rank]


def _fitting(shape: tuple[int, ...], itemsize: int, max_bytes: int) -> tuple[int, ...]:
    """The shape, shortened by leading dimensions until its values take at most ``max_bytes``."""
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
    fitting = [layout for layout in layouts if not misfit(layout, dtype, shape)]
    # Scattered memory twice: many tensors are too small to have it, and it is what writers get wrong.
    return tuple(layout for layout in fitting for _ in range(1 + LAYOUTS[layout].scattered))


def _layout(layouts: tuple[str, ...], drawn: int, dtype: str, shape: tuple[int, ...]) -> str:
    """One of the layouts that fit; in tensors where none does, the plain one."""
    fitting = _fitting_layouts(layouts, dtype, shape)
    return fitting[drawn * len(fitting) >> 8] if fitting else "c"


def list_specs(backend: str, *, min_size: int = 0, max_size: int = 4, **narrow: Any) -> st.SearchStrategy[ListSpec]:
    """Specs of flat lists of tensors; keywords as for `tensor_specs`."""
    tensor = tensor_specs(backend, **narrow)
    return st.lists(tensor, min_size=min_size, max_size=max_size).map(lambda items: ListSpec(tuple(items)))


def dict_specs(
    backend: str, *, keys: Sequence[Any] | None = None, min_size: int = 0, max_size: int = 4, **narrow: Any
) -> st.SearchStrategy[DictSpec]:
    """Specs of flat dicts of tensors with the given ``keys`` (default: strings of many kinds); other keywords as for `tensor_specs`."""
    names = st.lists(_keys(keys), min_size=min_size, max_size=max_size, unique=True)
    tensor = tensor_specs(backend, **narrow)

    def filled(drawn: Sequence[Any]) -> st.SearchStrategy[DictSpec]:
        return st.tuples(*(tensor for _ in drawn)).map(lambda items: DictSpec(tuple(zip(drawn, items, strict=True))))

    return names.flatmap(filled)


def _keys(keys: Sequence[Any] | None) -> st.SearchStrategy[Any]:
    if keys is not None and not keys:
        raise ValueError("no key is left to draw from")
    plain = ("a", "b", "c", "weight", "bias")
    odd = tuple(key for case in KEYS.values() for key in case if isinstance(key, str))
    return st.sampled_from(list(dict.fromkeys((*plain, *odd))) if keys is None else list(keys))


def tree_specs(
    backend: str,
    *,
    containers: Iterable[str] | None = None,
    keys: Sequence[Any] | None = None,
    plain_leaves: bool = True,
    aliases: bool = True,
    max_leaves: int = 6,
    max_depth: int = 4,
    max_bytes: int = 4096,
    **narrow: Any,
) -> st.SearchStrategy[Spec]:
    """Specs of nested containers with tensors, plain leaves and tensors that stand in several places.

    ``containers`` are names of `CONTAINERS`; ``max_bytes`` is one budget that all tensors of a tree share; other
    keywords as for `tensor_specs`.
    """
    kinds = CONTAINERS if containers is None else chosen(containers, CONTAINERS, "container")
    tensor = tensor_specs(backend, max_bytes=max(1, max_bytes // max_leaves), **narrow)
    key = _keys(keys)
    plain = st.sampled_from([PlainSpec(value) for value in _PLAIN] + [ScalarSpec("float32", 0x3FC00000), ScalarSpec("int64", 7)])

    @st.composite
    def trees(draw: st.DrawFn) -> Spec:
        leaves = 0
        tensors = 0

        def leaf() -> Spec:
            nonlocal leaves, tensors
            leaves += 1
            choice = draw(st.integers(0, 7))
            if choice == 7 and plain_leaves:
                return draw(plain)
            if choice == 6 and aliases and tensors:
                tensors += 1
                return SameAs(draw(st.integers(0, tensors - 2)))
            tensors += 1
            return draw(tensor)

        def node(depth: int) -> Spec:
            if depth and (depth >= max_depth or leaves >= max_leaves or draw(st.integers(0, 2)) < 2):
                return leaf()
            kind = draw(st.sampled_from(kinds))
            if kind in ("namedtuple", "dataclass"):
                make = NamedTupleSpec if kind == "namedtuple" else DataclassSpec
                first = node(depth + 1)
                return make(first, node(depth + 1))
            count = draw(st.integers(0, min(3, max(0, max_leaves - leaves))))
            if kind in ("list", "tuple"):
                items = tuple([node(depth + 1) for _ in range(count)])
                return ListSpec(items) if kind == "list" else TupleSpec(items)
            names = draw(st.lists(key, min_size=count, max_size=count, unique=True))
            return DictSpec(tuple([(name, node(depth + 1)) for name in names]), ordered=kind == "ordered-dict")

        return node(0)

    return trees()


def models(backend: str, **narrow: Any) -> st.SearchStrategy[Any]:
    """Networks of ``backend``, with keywords as for `model_specs`."""

    def build(spec: ModelSpec) -> Any:
        note(_Built(spec))
        found = get_models(backend)
        assert found is not None
        try:
            return found.build(spec)
        except CannotBuild:
            reject()

    return model_specs(backend, **narrow).map(build)


def training_runs(backend: str, **narrow: Any) -> st.SearchStrategy[Any]:
    """Training runs of ``backend`` that have done their first steps, with keywords as for `training_specs`. A run draws from the
    random generators of the process where its spec says ``noise``; what it has drawn so far leaves no trace there."""

    def build(spec: TrainingSpec) -> Any:
        note(_Built(spec))
        found = get_training(backend)
        assert found is not None
        with preserve_rng(found):
            try:
                run = found.build(spec)
            except CannotBuild:
                reject()
            run.train(spec.before)
        return run

    return training_specs(backend, **narrow).map(build)


class _Built:
    """What a falsifying example prints beside the object: the spec that it was built from."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def __repr__(self) -> str:
        return f"built from {self.spec!r}"


def _real(backend: str, specs: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    check_name(backend)

    def build(spec: Spec) -> Any:
        note(_Built(spec))
        return build_tree(spec, get_backend(backend))

    return specs.map(build)


def tensors(backend: str, **narrow: Any) -> st.SearchStrategy[Any]:
    """Tensors of ``backend``, with keywords as for `tensor_specs`."""
    return _real(backend, tensor_specs(backend, **narrow))


def lists(backend: str, **narrow: Any) -> st.SearchStrategy[list[Any]]:
    """Flat lists of tensors, with keywords as for `list_specs`."""
    return _real(backend, list_specs(backend, **narrow))


def dicts(backend: str, **narrow: Any) -> st.SearchStrategy[dict[Any, Any]]:
    """Flat dicts of tensors, with keywords as for `dict_specs`."""
    return _real(backend, dict_specs(backend, **narrow))


def trees(backend: str, **narrow: Any) -> st.SearchStrategy[Any]:
    """Nested containers with tensors and plain leaves, with keywords as for `tree_specs`."""
    return _real(backend, tree_specs(backend, **narrow))


class BackendStrategies:
    """The strategies of this module for one backend: what the fixture ``ckpt_strategies`` gives."""

    def __init__(self, backend: str) -> None:
        check_name(backend)
        self.backend = backend

    def __repr__(self) -> str:
        return f"strategies for {self.backend}"

    def __getattr__(self, name: str) -> Callable[..., st.SearchStrategy[Any]]:
        offered = (
            "tensors", "lists", "dicts", "trees", "models", "training_runs",
            "tensor_specs", "list_specs", "dict_specs", "tree_specs", "model_specs", "training_specs",
        )  # fmt: skip
        if name not in offered:
            raise AttributeError(f"no strategy {name!r}: {nearest(name, offered)}")
        return functools.partial(globals()[name], self.backend)
