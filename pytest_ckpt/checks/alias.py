"""The family `alias`: sharing between tensors is kept, none is invented, and none is paid for twice."""

from __future__ import annotations

from collections.abc import Iterator

from ..specs import Fill, SameAs, Spec, TensorSpec, ViewOf
from .base import EXTENDED, FormatProfile, check

#: Bytes of names, headers and alignment that no size check counts.
OVERHEAD = 1 << 16


def _tensor(asking: FormatProfile, seed: int = 1) -> TensorSpec:
    """A tensor whose sharing can be seen: in TensorFlow that is a variable."""
    traits = () if "views" in asking.capabilities.features else ("parameter",)
    return TensorSpec("float32", (4,), fill=Fill(seed), traits=traits)


@check("alias/same-tensor-twice", level=EXTENDED, judges={"alias", "values"}, needs={"features": "aliases"})
def same_tensor_twice(asking: FormatProfile) -> Iterator[Spec]:
    """One tensor in two places comes back as one tensor in two places.

    Why: tied weights come apart, and training changes one of them (pytorch/pytorch#188346,
    huggingface/transformers#38870).
    What to do: write each tensor once, and store who refers to it.
    """
    yield asking.carry(_tensor(asking), SameAs(0))
    yield asking.carry(_tensor(asking), _tensor(asking, 2), SameAs(0))


@check("alias/overlapping-views", level=EXTENDED, judges={"alias", "values"}, needs={"features": "views"})
def overlapping_views(asking: FormatProfile) -> Iterator[Spec]:
    """Tensors that share a part of their memory still share it.

    Why: a view is saved as a tensor of its own, and writing to one no longer shows in the other
    (pytorch/pytorch#58970, jsonpickle/jsonpickle#612).
    What to do: save storages and views apart, or refuse views.
    """
    yield asking.carry(_tensor(asking), ViewOf(0, 1, 3))
    yield asking.carry(_tensor(asking), ViewOf(0, 0, 3), ViewOf(0, 2, 4))


@check("alias/equal-but-separate", level=EXTENDED, judges={"alias", "values"}, needs={"features": "aliases"})
def equal_but_separate(asking: FormatProfile) -> Iterator[Spec]:
    """Tensors that are merely equal stay separate.

    Why: deduplication by content ties what was independent, and training one of them changes the other.
    What to do: deduplicate by identity alone.
    """
    yield asking.carry(_tensor(asking), _tensor(asking))


def _limit(payload: int) -> int:
    return payload + payload // 2 + OVERHEAD


@check("alias/file-size-of-view", level=EXTENDED, judges={"values"}, needs={"layouts": "window"}, limit=_limit)
def file_size_of_view(asking: FormatProfile) -> Iterator[Spec]:
    """A few elements of a large tensor take the room of a few elements on disk.

    At most one and a half times the bytes of the values, and 64 KiB, are agreed to.

    Why: the whole storage behind a view is written (pytorch/pytorch#1995, pytorch/pytorch#44872).
    What to do: copy views that are small beside their storage.
    """
    yield asking.carry(TensorSpec("float32", (8,), "window", Fill(1)))


@check("alias/file-size-of-alias", level=EXTENDED, judges={"values"}, limit=_limit)
def file_size_of_alias(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor that stands in two places takes its room on disk once.

    At most one and a half times the bytes of the values, and 64 KiB, are agreed to.

    Why: a shared parameter is stored once for each name (apache/mxnet#16582).
    What to do: write each tensor once, and store who refers to it.
    """
    yield asking.carry(TensorSpec("float32", (1 << 16,), fill=Fill(1, "any")), SameAs(0))
