"""The objects of the fixtures ``ckpt_tensor``, ``ckpt_list``, ``ckpt_dict`` and ``ckpt_model``, as specs."""

from __future__ import annotations

from typing import Any

from ..backends import get_backend, get_models
from ..backends.base import CannotBuild
from ..backends.tree_builder import build_tree
from ..specs import DictSpec, Fill, LayerSpec, ListSpec, ModelSpec, Spec, TensorSpec

_FLOATS = TensorSpec("float32", (2, 3), fill=Fill(1))
_INTS = TensorSpec("int32", (4,), fill=Fill(2))
#: Negative zero, infinity, the smallest subnormal number, and one.
_SPECIAL = TensorSpec("float32", (4,), fill=Fill(specials=((0, 0x80000000), (1, 0x7F800000), (2, 1), (3, 0x3F800000))))

__all__ = ["OBJECTS", "CannotBuild", "build_object"]

#: For each fixture, the specs by their names in test ids.
OBJECTS: dict[str, dict[str, Spec]] = {
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
    "ckpt_model": {
        "perceptron": ModelSpec((LayerSpec("dense", 4), LayerSpec("relu"), LayerSpec("dense", 2)), (3,)),
        "convolutions": ModelSpec(
            (LayerSpec("conv2d", 3), LayerSpec("batch-norm"), LayerSpec("max-pool"), LayerSpec("dense", 2)), (4, 4, 2)
        ),
        "recurrent": ModelSpec((LayerSpec("lstm", 3), LayerSpec("dense", 2)), (4, 2)),
    },
}


def build_object(fixture: str, name: str, backend: str) -> Any:
    """Return a new object of the backend.

    Raises CannotBuild for a model if the backend has no models.
    """
    spec = OBJECTS[fixture][name]
    if not isinstance(spec, ModelSpec):
        return build_tree(spec, get_backend(backend))
    models = get_models(backend)
    if models is None:
        raise CannotBuild(f"{backend} has no models")
    return models.build(spec)
