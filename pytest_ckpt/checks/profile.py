"""Define `FormatProfile`: what a check may know about a format when it makes its examples."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from ..backends import capabilities
from ..specs import Capabilities, DictSpec, Fill, LayerSpec, ListSpec, ModelSpec, Spec, TensorSpec

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_KEYS = "xyzuvw"


@dataclasses.dataclass(frozen=True)
class FormatProfile:
    """The properties of a format that decide which examples fit it.

    ``backend`` is the name of its backend. ``domain`` is its ``accepts``: "tensor", "list", "dict"
    or "tree". ``template`` is True if its loader takes a template. ``model_loading`` says how it
    loads models: "into" a given one, "whole" from only the path, or as a "state", which it saves
    as a tree. ``loads_parts`` is True if it has ``load_partial``. ``saves_trees`` is False for a
    format that saves nothing but models.
    """

    backend: str
    domain: str
    template: bool = False
    model_loading: str = "state"
    loads_parts: bool = False
    saves_trees: bool = True

    @property
    def capabilities(self) -> Capabilities:
        """Return what the backend can build."""
        return capabilities(self.backend)

    def subject(self, seed: int = 1, size: int = 8, leaves: int = 2) -> Spec:
        """Return an ordinary object that the format can save.

        It has ``leaves`` float32 tensors of ``size`` elements, fewer if the domain holds fewer. For
        a format that saves only models, it is a model of about that size. Another ``seed`` gives
        the same structure with other values.
        """
        if self.saves_trees:
            return self.tree_of(*(TensorSpec("float32", (size,), fill=Fill(10 * seed + leaf)) for leaf in range(self.leaf_count(leaves))))
        width = max(2, math.isqrt(size))
        return ModelSpec((LayerSpec("dense", width),) * leaves, (width,), seed=seed)

    def leaf_count(self, wanted: int) -> int:
        """Return how many of ``wanted`` leaves fit into the domain: one or all."""
        return 1 if self.domain == "tensor" else wanted

    def tree_of(self, *leaves: Spec) -> Spec:
        """Return the leaves as a tree of the domain: a single tensor, a list or a dict.

        A template must differ from the saved tree. If no leaf has any element, another leaf is
        added that can differ.
        """
        if self.domain == "tensor" and len(leaves) == 1:
            return leaves[0]
        if self.template and all(isinstance(leaf, TensorSpec) and not leaf.size for leaf in leaves):
            leaves = (*leaves, TensorSpec("float32", (2,), fill=Fill(1)))
        if self.domain == "list":
            return ListSpec(leaves)
        return DictSpec(tuple(zip(_KEYS, leaves, strict=False)))

    def drawn_trees(self, leaf: SearchStrategy[Any]) -> SearchStrategy[Any]:
        """Return a strategy for trees of the domain with one or two leaves drawn from ``leaf``.

        Two, because a format may fail only for the second leaf.
        """
        from hypothesis import strategies as st

        if self.domain == "tensor":
            return leaf
        return st.lists(leaf, min_size=1, max_size=2).map(lambda leaves: self.tree_of(*leaves))


def plain_shapes(min_rank: int = 1, max_rank: int = 3) -> SearchStrategy[tuple[int, ...]]:
    """Return a strategy for shapes without a special case.

    They have no dimension of length 0 or 1, and at least one dimension. The family `shape` checks
    the special cases.
    """
    from hypothesis import strategies as st

    return st.lists(st.integers(2, 4), min_size=min_rank, max_size=max_rank).map(tuple)
