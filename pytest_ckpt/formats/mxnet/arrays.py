"""`npx.save` of MXNet's NumPy arrays, `nd.save` of its older ones."""

from __future__ import annotations

import pathlib
from typing import Any

import mxnet as mx

from ...expectations import Declared, changed, converted, costly, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED
from .limits import FILE


def _save(tree: Any, path: pathlib.Path) -> None:
    mx.npx.save(str(path), tree)


def _load(path: pathlib.Path) -> Any:
    return mx.npx.load(str(path))


def _legacy(tree: Any) -> Any:
    """The same arrays as `mx.nd` arrays, which is all that `nd.save` takes."""
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
    "container/empty-dict": converted("a file without names is read as a list"),
    "container/ordered-dict": converted("names are read into a plain dict"),
    "keys/nul": changed("names are C strings, which end at their first NUL"),
    "tensor/requires-grad": converted("the file holds values, not that gradients are recorded"),
    "alias/same-tensor-twice": converted("each name has its own entry"),
    "alias/overlapping-views": converted("each name has its own entry"),
    "alias/file-size-of-alias": costly("each name has its own entry"),
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
            **HEADER_BELIEVED,
            "tensor/sparse": refused("npx.save takes mx.np arrays, which are never sparse"),
            "model/frozen": converted("the file holds values, and not which of them are trained"),
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
            **HEADER_BELIEVED,
            "tensor/class": converted("nd.save takes arrays of mx.nd alone, which others are made here, and nd.load gives such"),
            "tensor/sparse": refused("under np semantics, which scalars and empty arrays need, sparse arrays are not written"),
            "model/*": unreadable("a Gluon model under np semantics does not take arrays of mx.nd"),
        },
    ),
)
