"""`npx.save` for `mx.np` arrays, and `nd.save` for the older `mx.nd` arrays."""

from __future__ import annotations

import pathlib
from typing import Any

import mxnet as mx

from ...expectations import Declared, changed, converted, costly, refused, unreadable
from ..base import Format
from ..shared_failures import HEADER_UNCHECKED
from .shared_failures import FILE


def _save(tree: Any, path: pathlib.Path) -> None:
    mx.npx.save(str(path), tree)


def _load(path: pathlib.Path) -> Any:
    return mx.npx.load(str(path))


def _legacy(tree: Any) -> Any:
    """Return the same tree with `mx.nd` arrays, the only ones that `nd.save` accepts."""
    if isinstance(tree, dict):
        return {key: _legacy(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_legacy(value) for value in tree]
    return tree.as_nd_ndarray() if isinstance(tree, mx.np.ndarray) else tree


def _save_legacy(tree: Any, path: pathlib.Path) -> None:
    mx.nd.save(str(path), _legacy(tree))


def _load_legacy(path: pathlib.Path) -> Any:
    return mx.nd.load(str(path))


_BY_NAME: Declared = {
    "container/empty-dict": converted("a file without names is loaded as a list"),
    "container/ordered-dict": converted("the arrays are loaded into a plain dict"),
    "keys/nul": changed("names are C strings, which end at the first NUL"),
    "tensor/requires-grad": converted("the file contains values, but not whether gradients are recorded"),
    "alias/same-tensor-twice": converted("each name gets a separate entry"),
    "alias/overlapping-views": converted("each name gets a separate entry"),
    "alias/file-size-of-alias": costly("each name gets a separate entry"),
}

FORMATS = (
    Format(
        name="mxnet.npx-save",
        backend="mxnet",
        save=_save,
        load=_load,
        accepts="dict",
        expected_failures={
            **_BY_NAME,
            **FILE,
            **HEADER_UNCHECKED,
            "tensor/sparse": refused("npx.save accepts mx.np arrays, which are never sparse"),
            "model/frozen": converted("the file contains values, but not which of them are trainable"),
        },
    ),
    Format(
        name="mxnet.nd-save",
        backend="mxnet",
        save=_save_legacy,
        load=_load_legacy,
        accepts="dict",
        expected_failures={
            **_BY_NAME,
            **FILE,
            **HEADER_UNCHECKED,
            "tensor/class": converted(
                "nd.save accepts mx.nd arrays only, so this format converts mx.np arrays first, and nd.load returns mx.nd arrays"
            ),
            "tensor/sparse": refused("nd.save rejects sparse arrays under np semantics, which scalars and empty arrays require"),
            "model/*": unreadable("a Gluon model under np semantics does not accept mx.nd arrays"),
        },
    ),
)
