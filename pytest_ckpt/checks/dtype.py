"""The family `dtype`: one check for each dtype. Also a helper for other families with a check for each dtype."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..specs import DTYPES, Fill, Spec, TensorSpec, special_patterns
from ..specs.capabilities import needs_of
from .base import CORE, Check
from .profile import FormatProfile, plain_shapes

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

#: Yield the examples for a dtype. The docstring is the explanation of each check of the family.
DTypeExamples = Callable[[FormatProfile, str], Iterator[Spec]]
DTypeExplore = Callable[[FormatProfile, str], "SearchStrategy[Any]"]


def checks_for_dtypes(
    family: str, examples: DTypeExamples, explore: DTypeExplore, *, judges: Iterable[str], level: str = CORE, dtypes: Iterable[str] = DTYPES
) -> tuple[Check, ...]:
    """Return one check for each of ``dtypes``, named after it."""

    def check_for(dtype: str) -> Check:
        return Check(
            name=f"{family}/{dtype}",
            level=level,
            judges=frozenset(judges),
            examples=lambda profile: examples(profile, dtype),
            explanation=inspect.getdoc(examples) or "",
            needs=needs_of({"dtypes": dtype}),
            explore=lambda profile: explore(profile, dtype),
        )

    return tuple(check_for(dtype) for dtype in dtypes)


def _dtype(profile: FormatProfile, dtype: str) -> Iterator[Spec]:
    """A tensor of this dtype is restored with its dtype and its values.

    The values are ordinary: finite, not zero, and neither very large nor very small.

    Why: formats cast to a wider or narrower dtype, or lose the name of the dtype and return raw
    bytes (jax-ml/ml_dtypes#41, helmholtz-analytics/heat#2004, jax-ml/jax#17858).
    What to do: store the name of the dtype with the bytes, and raise in `save` for a dtype that
    cannot be stored.
    """
    yield profile.tree_of(TensorSpec(dtype, (2,), fill=Fill(1)))
    yield profile.tree_of(TensorSpec(dtype, (2, 3), fill=Fill(2)))
    if profile.domain != "tensor":
        yield profile.tree_of(TensorSpec(dtype, (1,), fill=Fill(3)), TensorSpec(dtype, (1,), fill=Fill(4)))
    if DTYPES[dtype].kind == "object":
        # The format may write arrays of one element type differently, so each type gets an array.
        for pattern in special_patterns(dtype):
            yield profile.tree_of(TensorSpec(dtype, (1,), fill=Fill(specials=((0, pattern),))))


def _explore(profile: FormatProfile, dtype: str) -> SearchStrategy[Any]:
    from ..strategies import tensor_specs

    tensors = tensor_specs(profile.backend, dtypes=[dtype], layouts=["c"], shapes=plain_shapes(), special_values=False)
    return profile.drawn_trees(tensors)


DTYPE = checks_for_dtypes("dtype", _dtype, _explore, judges={"dtype", "values"})
