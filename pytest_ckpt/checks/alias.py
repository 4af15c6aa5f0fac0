"""The family `alias`: tensors that share memory still share it, no others do, and files contain shared tensors once."""

from __future__ import annotations

from collections.abc import Iterator

from ..specs import Fill, SameAs, Spec, TensorSpec, ViewOf
from .base import EXTENDED, check
from .profile import FormatProfile

#: Bytes for names, headers and alignment that no size check counts.
OVERHEAD = 1 << 16
_JUDGES = {"alias", "values"}


def _tensor(profile: FormatProfile, seed: int = 1) -> TensorSpec:
    """Return a mutable tensor: a variable in frameworks whose other tensors are immutable."""
    traits = () if "views" in profile.capabilities.features else ("parameter",)
    return TensorSpec("float32", (4,), fill=Fill(seed), traits=traits)


@check("alias/same-tensor-twice", level=EXTENDED, judges=_JUDGES, needs={"features": "aliases"})
def same_tensor_twice(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor that occurs twice in a tree is restored as one tensor that occurs twice.

    Why: tied weights become independent, and training changes one of them (pytorch/pytorch#188346,
    huggingface/transformers#38870).
    What to do: write each tensor once, and store where it occurs.
    """
    yield profile.tree_of(_tensor(profile), SameAs(0))
    yield profile.tree_of(_tensor(profile), _tensor(profile, 2), SameAs(0))


@check("alias/overlapping-views", level=EXTENDED, judges=_JUDGES, needs={"features": "views"})
def overlapping_views(profile: FormatProfile) -> Iterator[Spec]:
    """Views that share memory with a tensor still share it.

    Why: a view is saved as a separate tensor, so a write to one no longer changes the other
    (pytorch/pytorch#58970, jsonpickle/jsonpickle#612).
    What to do: store the memory once and views as references to it, or raise in `save` for views.
    """
    yield profile.tree_of(_tensor(profile), ViewOf(0, 1, 3))
    yield profile.tree_of(_tensor(profile), ViewOf(0, 0, 3), ViewOf(0, 2, 4))


@check("alias/equal-but-separate", level=EXTENDED, judges=_JUDGES, needs={"features": "aliases"})
def equal_but_separate(profile: FormatProfile) -> Iterator[Spec]:
    """Separate tensors with equal values are restored as separate tensors.

    Why: deduplication by content ties independent tensors, and training one changes the other.
    What to do: deduplicate by identity only.
    """
    yield profile.tree_of(_tensor(profile), _tensor(profile))


def _size_limit(payload: int) -> int:
    return payload + payload // 2 + OVERHEAD


@check("alias/file-size-of-view", level=EXTENDED, judges={"values"}, needs={"layouts": "window"}, size_limit=_size_limit)
def file_size_of_view(profile: FormatProfile) -> Iterator[Spec]:
    """A view of a few elements takes little space on disk, however large its base is.

    The limit is 1.5 times the bytes of the values, plus 64 KiB.

    Why: the whole memory of the base is written (pytorch/pytorch#1995, pytorch/pytorch#44872).
    What to do: copy a view that is much smaller than its base.
    """
    yield profile.tree_of(TensorSpec("float32", (8,), "window", Fill(1)))


@check("alias/file-size-of-alias", level=EXTENDED, judges={"values"}, size_limit=_size_limit)
def file_size_of_alias(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor that occurs twice in a tree takes its space on disk once.

    The limit is 1.5 times the bytes of the values, plus 64 KiB.

    Why: a shared parameter is stored once for each name (apache/mxnet#16582).
    What to do: write each tensor once, and store where it occurs.
    """
    yield profile.tree_of(TensorSpec("float32", (1 << 16,), fill=Fill(1, "any")), SameAs(0))
