"""The family `nan-payload`: for each dtype with several NaNs, whether each of them is restored."""

from __future__ import annotations

from collections.abc import Iterator

from ..specs import DTYPES, Fill, Spec, TensorSpec, nan_patterns
from .base import EXTENDED
from .bits import explore_bits
from .dtype import checks_for_dtypes
from .profile import FormatProfile


def _nan_payload(profile: FormatProfile, dtype: str) -> Iterator[Spec]:
    """The payload, the signaling bit and the sign of each NaN are restored.

    Why: a float that is loaded into a wider or narrower register becomes a quiet NaN
    (python/cpython#130452, msgpack/msgpack-c#1087).
    What to do: copy bytes, not numbers.
    """
    patterns = nan_patterns(dtype)
    for pattern in patterns:
        yield profile.tree_of(TensorSpec(dtype, (2,), fill=Fill(specials=((0, pattern),))))
    yield profile.tree_of(TensorSpec(dtype, (len(patterns),), fill=Fill(specials=tuple(enumerate(patterns)))))


NAN_PAYLOAD = checks_for_dtypes(
    "nan-payload",
    _nan_payload,
    explore_bits,
    judges={"nan-payload"},
    level=EXTENDED,
    dtypes=[dtype for dtype in DTYPES if len(nan_patterns(dtype)) > 1],
)
