"""Flax' states as msgpack."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, costly, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, NO_CHECKSUM, NOTICED


def _save_bytes(tree: Any, path: pathlib.Path) -> None:
    from flax import serialization

    path.write_bytes(serialization.to_bytes(tree))


def _restore_bytes(path: pathlib.Path, template: Any) -> Any:
    from flax import serialization

    return serialization.from_bytes(template, path.read_bytes())


_KEYS = refused("typed keys of the random generators are no arrays to numpy; jax asks for jax.random.key_data")

FORMATS = (
    Format(
        name="flax.msgpack",
        backend="jax",
        save=_save_bytes,
        load=_restore_bytes,
        template=True,
        expected_failures={
            **IN_PLACE,
            **NOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            "crash/exception": unreadable("the file is opened, and so emptied, before it is written"),
            "*/string": refused("msgpack writes arrays of numbers, not of objects"),
            "container/dataclass": refused("msgpack knows no such type, and Flax no state dict of it"),
            "container/ordered-dict": refused("msgpack knows no such type, and Flax no state dict of it"),
            "container/big-int": refused("msgpack's integers have 64 bits"),
            "keys/int": refused("keys are written as text, and these are not told apart as text"),
            "tensor/kind": converted("arrays come back as arrays of numpy"),
            "tensor/prng-key": _KEYS,
            "alias/file-size-of-alias": costly("each path has its own entry"),
            **dict.fromkeys(map("model/{}".format, ("dropout", "rnn", "lstm", "gru", "transformer")), _KEYS),
            "model/mode": converted("a state holds variables, and not the mode that the module was left in"),
            "mismatch/extra": changed("from_bytes looks for what the template has, and passes over the rest of the file"),
            "training/rng": _KEYS,
            "training/dropout": _KEYS,
        },
    ),
)
