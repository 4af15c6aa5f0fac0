"""`flax.serialization`: trees and states as msgpack."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import Declared, changed, converted, refused, unreadable
from ..base import Format
from ..shared_failures import GAPS_DETECTED, HEADER_UNCHECKED, IN_PLACE, NO_CHECKSUM
from .shared_failures import NO_MODE, NO_SHARING, SORTED, TYPED_KEYS, WITHOUT_TYPED_KEYS


def _save_bytes(tree: Any, path: pathlib.Path) -> None:
    from flax import serialization

    path.write_bytes(serialization.to_bytes(tree))


def _restore_bytes(path: pathlib.Path, template: Any) -> Any:
    from flax import serialization

    return serialization.from_bytes(template, path.read_bytes())


def _serialize(tree: Any, path: pathlib.Path) -> None:
    from flax import serialization

    path.write_bytes(serialization.msgpack_serialize(tree))


def _restore(path: pathlib.Path) -> Any:
    from flax import serialization

    return serialization.msgpack_restore(path.read_bytes())


_NO_OBJECTS = refused("Flax writes arrays of numbers, not of objects")
_SMALL_INTEGERS = refused("integers in msgpack have 64 bits")
_NUMPYS = converted("arrays are loaded as NumPy arrays")
_NO_TUPLES = refused("msgpack_serialize raises an error for a tuple, although its documentation lists tuples as supported", defect=True)
_TUPLES_FOR_KEYS = refused("the layer names some variables by tuples, which msgpack does not accept as keys")

#: A file that `write_bytes` writes in one call.
_WRITTEN_AT_ONCE: Declared = {
    **IN_PLACE,
    **GAPS_DETECTED,
    **NO_CHECKSUM,
    **HEADER_UNCHECKED,
    "crash/exception": unreadable("opening the file truncates it before it is written"),
}
_WITHOUT_TYPED_KEYS: Declared = {**WITHOUT_TYPED_KEYS, "training/rng": TYPED_KEYS, "training/dropout": TYPED_KEYS}

FORMATS = (
    Format(
        name="flax.msgpack",
        backend="jax",
        save=_save_bytes,
        load=_restore_bytes,
        template=True,
        expected_failures={
            **_WRITTEN_AT_ONCE,
            **_WITHOUT_TYPED_KEYS,
            "*/string": _NO_OBJECTS,
            "container/dataclass": refused("msgpack has no such type, and Flax has no state dict for it"),
            "container/ordered-dict": refused("msgpack has no such type, and Flax has no state dict for it"),
            "container/big-int": _SMALL_INTEGERS,
            "keys/int": refused("keys are written as text, and as text these keys are equal"),
            "tensor/class": _NUMPYS,
            "alias/file-size-of-alias": NO_SHARING,
            "model/mode": NO_MODE,
            "mismatch/extra": changed("from_bytes looks for the keys of the template and ignores the rest of the file"),
        },
    ),
    Format(
        name="flax.msgpack-serialize",
        backend="jax",
        save=_serialize,
        load=_restore,
        expected_failures={
            **_WRITTEN_AT_ONCE,
            **_WITHOUT_TYPED_KEYS,
            "*/string": _NO_OBJECTS,
            "container/tuple": _NO_TUPLES,
            "container/nested": _NO_TUPLES,
            "container/empty-tuple": _NO_TUPLES,
            "container/namedtuple": refused("msgpack has no such type; Flax tells the user to call to_bytes"),
            "container/dataclass": refused("msgpack has no such type; Flax tells the user to call to_bytes"),
            "container/ordered-dict": refused("msgpack has no such type; Flax tells the user to call to_bytes"),
            "container/big-int": _SMALL_INTEGERS,
            "keys/order": SORTED,
            "keys/int": refused("the keys of dicts are sorted, and int and text cannot be compared"),
            "tensor/class": _NUMPYS,
            "alias/file-size-of-alias": NO_SHARING,
            "model/weight-norm": _TUPLES_FOR_KEYS,
            "model/spectral-norm": _TUPLES_FOR_KEYS,
            "model/mode": NO_MODE,
        },
    ),
)
