"""Orbax: `StandardCheckpointer` and `PyTreeCheckpointer`, which the JAX documentation recommends."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import Declared, changed, converted, costly, crashed, refused, unreadable
from ..base import Format
from .modules import state_of, update
from .shared_failures import CAST_TO_32_BITS, DEEP_JSON, EMPTY_CONTAINER, KEYS_UNCHECKED, ORBAX


def _save_standard(tree: Any, path: pathlib.Path) -> None:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, tree)


def _restore_standard(path: pathlib.Path, template: Any) -> Any:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(path, template)


def _save_pytree(tree: Any, path: pathlib.Path) -> None:
    import orbax.checkpoint as ocp

    ocp.PyTreeCheckpointer().save(path, tree)


def _restore_pytree(path: pathlib.Path, item: Any = None) -> Any:
    import orbax.checkpoint as ocp

    return ocp.PyTreeCheckpointer().restore(path, item=item)


def _save_module(model: Any, path: pathlib.Path) -> None:
    _save_pytree(state_of(model), path)


def _restore_module(path: pathlib.Path, model: Any) -> None:
    update(model, _restore_pytree(path, state_of(model)))


def _save_run(run: Any, path: pathlib.Path) -> None:
    _save_pytree(run.state(), path)


def _restore_run(path: pathlib.Path, run: Any) -> None:
    run.restore(_restore_pytree(path, run.state()))


_UNREGISTERED = refused("Orbax does not accept a dataclass that is not registered as a tree")
_AS_LISTS = converted("without an item, load returns every sequence as a list")
_AS_DICTS = converted("without an item, load returns every container with names as a dict")

_WRITTEN: Declared = {
    "files/no-leftovers": costly("a failed save leaves its incomplete files next to the checkpoint"),
    "crash/durable": unreadable("the last rename is not synced to disk, so after a power failure the checkpoint may not exist"),
    "mismatch/64-bit-off": CAST_TO_32_BITS,
}


FORMATS = (
    Format(
        name="orbax.standard",
        backend="jax",
        save=_save_standard,
        load=_restore_standard,
        template=True,
        time_limit=30.0,
        expected_failures={
            **ORBAX,
            "process/threads": crashed(
                "saves are identified by a counter that the whole process shares, so concurrent saves receive the signals of each other, "
                "and fail or wait forever",
                defect=True,
                flaky=True,
            ),
            **_WRITTEN,
            **dict.fromkeys(map("container/empty-{}".format, ("list", "tuple", "dict")), EMPTY_CONTAINER),
            "container/dataclass": _UNREGISTERED,
            "container/str": refused("StandardCheckpointer does not accept text as a leaf"),
            "container/bytes": refused("StandardCheckpointer does not accept bytes as a leaf"),
            "container/numpy-scalar": unreadable("a NumPy scalar is written, but load does not accept one as a leaf of the template"),
            "keys/int": refused("the keys of dicts are sorted, and these keys cannot be compared"),
            "mismatch/wrong-dtype": changed("load casts values to the dtype of the template, as its documentation states"),
        },
    ),
    Format(
        name="orbax.pytree",
        backend="jax",
        save=_save_pytree,
        load=_restore_pytree,
        save_model=_save_module,
        load_model=_restore_module,
        save_training=_save_run,
        load_training=_restore_run,
        time_limit=30.0,
        expected_failures={
            **ORBAX,
            **_WRITTEN,
            **dict.fromkeys(map("container/empty-{}".format, ("list", "tuple", "dict")), EMPTY_CONTAINER),
            **dict.fromkeys(("container/tuple", "container/nested"), _AS_LISTS),
            "container/namedtuple": _AS_DICTS,
            "container/ordered-dict": _AS_DICTS,
            "container/dataclass": _UNREGISTERED,
            "container/numpy-scalar": converted("NumPy scalars are loaded as Python numbers"),
            "keys/int": changed("keys are written as text, so int keys are loaded as text (google/orbax#2561)"),
            "mismatch/empty-state": EMPTY_CONTAINER,
            "corruption/bit-flip-header": KEYS_UNCHECKED,
            "security/bomb": DEEP_JSON,
        },
    ),
)
