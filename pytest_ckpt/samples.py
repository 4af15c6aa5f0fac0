"""The few objects that the fixtures ``ckpt_tensor``, ``ckpt_list`` and ``ckpt_dict`` give: their specs, by the names in test ids."""

from __future__ import annotations

from typing import Any

from .backends import get_backend
from .backends.trees import build_tree
from .specs import DictSpec, Fill, ListSpec, Spec, TensorSpec

_FLOATS = TensorSpec("float32", (2, 3), fill=Fill(1))
_INTS = TensorSpec("int32", (4,), fill=Fill(2))
#: Negative zero, infinity, the smallest subnormal, and one.
_SPECIAL = TensorSpec("float32", (4,), fill=Fill(specials=((0, 0x80000000), (1, 0x7F800000), (2, 1), (3, 0x3F800000))))

SAMPLES: dict[str, dict[str, Spec]] = {
    "ckpt_tensor": {"float32-2x3": _FLOATS, "int32-4": _INTS, "special-values": _SPECIAL},
    "ckpt_list": {
        "one": ListSpec((_FLOATS,)),
        "two-alike": ListSpec((_FLOATS, TensorSpec("float32", (2, 3), fill=Fill(3)))),
        "two-dtypes": ListSpec((_INTS, _FLOATS)),
    },
    "ckpt_dict": {
        "flat": DictSpec((("x", _INTS), ("y", _FLOATS))),
        "dotted-names": DictSpec((("layer.weight", _FLOATS), ("layer.bias", _SPECIAL))),
    },
}


def build_sample(fixture: str, name: str, backend: str) -> Any:
    """The object, built anew."""
    return build_tree(SAMPLES[fixture][name], get_backend(backend))
