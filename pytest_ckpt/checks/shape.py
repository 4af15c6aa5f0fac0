"""The family `shape`: whether shapes are restored, special cases such as () and (0,) included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..specs import Fill, Spec, TensorSpec
from .base import check
from .profile import FormatProfile

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Shape = tuple[int, ...]
_JUDGES = {"shape", "values"}


def _explore(
    lengths: tuple[int, int], ranks: tuple[int, int], keep: Callable[[Shape], bool] = lambda shape: True
) -> Callable[[FormatProfile], SearchStrategy[Any]]:
    """Return a strategy for tensors with these smallest and largest lengths and ranks, filtered by ``keep``."""

    def explore(profile: FormatProfile) -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        from ..strategies import tensor_specs

        shapes = st.lists(st.integers(*lengths), min_size=ranks[0], max_size=ranks[1]).map(tuple).filter(keep)
        limits = {"dtypes": ["float32"], "layouts": ["c"], "special_values": False, "max_bytes": 1 << 16}
        return profile.drawn_trees(tensor_specs(profile.backend, shapes=shapes, **limits))  # type: ignore[arg-type]

    return explore


def _tensors(profile: FormatProfile, *shapes: Shape) -> Iterator[Spec]:
    for seed, shape in enumerate(shapes, start=1):
        yield profile.tree_of(TensorSpec("float32", shape, fill=Fill(seed)))


@check("shape/plain", judges=_JUDGES, explore=_explore((2, 4), (1, 4)))
def plain(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor with a few dimensions of different lengths is restored with its shape.

    Why: dimensions are swapped or flattened along with the memory (keras-team/keras#6759).
    What to do: store the shape as a list, and reshape the tensor when it is loaded.
    """
    return _tensors(profile, (2,), (2, 3), (2, 3, 4))


@check("shape/scalar", judges=_JUDGES)
def scalar(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor without dimensions is restored without dimensions.

    Why: an empty shape is taken for "no shape", or becomes (1,) (apache/mxnet#15988,
    patrick-kidger/equinox#914).
    What to do: store the number of dimensions, and do not test a shape for truth.
    """
    return _tensors(profile, ())


@check("shape/empty", judges=_JUDGES)
def empty(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor of shape (0,) is restored with that shape.

    Why: empty buffers are rejected or lost (safetensors/safetensors#442,
    safetensors/safetensors#280, h5py/h5py#380).
    What to do: write the header even if no data follows.
    """
    return _tensors(profile, (0,))


@check("shape/zero-size-inside", judges=_JUDGES, explore=_explore((0, 3), (2, 6), lambda shape: 0 in shape))
def zero_size_inside(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor without elements is restored with all its dimensions.

    Why: chunk sizes and strides are computed from a length of zero
    (zarr-developers/zarr-python#4328).
    What to do: store the shape; do not derive it from the number of bytes.
    """
    return _tensors(profile, (0, 3), (3, 0), (2, 0, 3))


@check("shape/ones", judges=_JUDGES)
def ones(profile: FormatProfile) -> Iterator[Spec]:
    """Dimensions of length one are neither removed nor added.

    Why: a tensor of shape (1, D) is stored as (D,) (city96/ComfyUI-GGUF#392,
    patrick-kidger/equinox#914).
    What to do: do not squeeze tensors.
    """
    return _tensors(profile, (1,), (1, 1), (1, 3), (3, 1), (1, 1, 1, 1))


@check("shape/high-rank", judges=_JUDGES, explore=_explore((1, 2), (5, 8)))
def high_rank(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor with many dimensions, up to 16, is restored.

    Why: file formats have a fixed number of slots for dimensions.
    What to do: raise in `save` for a tensor with more dimensions than the header holds.
    """
    return _tensors(profile, (2, 1, 2, 1, 2), (2, 1, 2, 1, 2, 2), (2, 1, 2, 1, 2, 1, 2), (1, 2) * 4, (1,) * 16)


@check("shape/many-elements", judges=_JUDGES)
def many_elements(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor larger than the usual buffers, of more than a million elements, is restored completely.

    Why: chunks are lost, repeated or truncated (google/tensorstore#181, joblib/joblib#287).
    What to do: test with more data than fits into one chunk.
    """
    return _tensors(profile, ((1 << 20) + 3,))
