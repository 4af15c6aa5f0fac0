"""Flax' states as msgpack."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import Declared, changed, converted, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, NO_CHECKSUM, NOTICED
from .limits import EACH_ITS_OWN, SORTED, TYPED_KEYS, UNMODED, WITHOUT_TYPED_KEYS


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


_NO_OBJECTS = refused("msgpack writes arrays of numbers, not of objects")
_SMALL_INTEGERS = refused("msgpack's integers have 64 bits")
_NUMPYS = converted("arrays come back as arrays of numpy")
_NO_TUPLES = refused("msgpack_serialize raises at a tuple, which its documentation names among what it takes", defect=True)
_TUPLES_FOR_KEYS = refused("variables of the layer have tuples for names, which are no keys to msgpack")

#: A file that `write_bytes` writes, which takes it whole and needs no more than one call.
_WRITTEN_AT_ONCE: Declared = {
    **IN_PLACE,
    **NOTICED,
    **NO_CHECKSUM,
    **HEADER_BELIEVED,
    "crash/exception": unreadable("the file is opened, and so emptied, before it is written"),
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
            "container/dataclass": refused("msgpack knows no such type, and Flax no state dict of it"),
            "container/ordered-dict": refused("msgpack knows no such type, and Flax no state dict of it"),
            "container/big-int": _SMALL_INTEGERS,
            "keys/int": refused("keys are written as text, and these are not told apart as text"),
            "tensor/class": _NUMPYS,
            "alias/file-size-of-alias": EACH_ITS_OWN,
            "model/mode": UNMODED,
            "mismatch/extra": changed("from_bytes looks for what the template has, and passes over the rest of the file"),
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
            "container/namedtuple": refused("msgpack knows no such type; Flax asks for to_bytes"),
            "container/dataclass": refused("msgpack knows no such type; Flax asks for to_bytes"),
            "container/ordered-dict": refused("msgpack knows no such type; Flax asks for to_bytes"),
            "container/big-int": _SMALL_INTEGERS,
            "keys/order": SORTED,
            "keys/int": refused("the keys of dicts are sorted, and an int and a text do not compare"),
            "tensor/class": _NUMPYS,
            "alias/file-size-of-alias": EACH_ITS_OWN,
            "model/weight-norm": _TUPLES_FOR_KEYS,
            "model/spectral-norm": _TUPLES_FOR_KEYS,
            "model/mode": UNMODED,
        },
    ),
)
