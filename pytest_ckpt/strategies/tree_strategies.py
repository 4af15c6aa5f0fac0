"""Draw specs of trees: nested containers with tensors, plain values and aliases as leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from ..specs import DataclassSpec, DictSpec, ListSpec, NamedTupleSpec, PlainSpec, SameAs, ScalarSpec, Spec, TupleSpec
from .names import checked_names
from .tensor_strategies import drawn_keys, tensor_specs

#: The containers that trees are made of, simplest first.
CONTAINERS = ("dict", "list", "tuple", "ordered-dict", "namedtuple", "dataclass")
_PLAIN = (None, True, False, 0, 1, -1, 1 << 70, 0.5, -0.0, float("inf"), float("nan"), "", "text", "é", b"", b"\x80\xff")


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
    """Return a strategy of specs of nested containers, with tensors that ``backend`` can build.

    ``containers`` are names in `CONTAINERS` (default: all). ``keys`` are the keys of dicts to draw
    from (default: plain and unusual strings). ``plain_leaves=False`` draws no None, numbers,
    strings and bytes, and ``aliases=False`` no tensor that occurs a second time. A tree has at most
    about ``max_leaves`` leaves and ``max_depth`` levels. All tensors of a tree share ``max_bytes``.
    Other keywords are those of `tensor_specs`.

    Raise ValueError for an unknown name, or if ``containers`` or ``keys`` is empty.
    """
    kinds = CONTAINERS if containers is None else checked_names(containers, CONTAINERS, "container")
    tensor = tensor_specs(backend, max_bytes=max(1, max_bytes // max_leaves), **narrow)
    key = drawn_keys(keys)
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
