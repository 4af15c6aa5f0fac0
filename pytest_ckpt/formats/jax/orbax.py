"""Orbax, the checkpoints that JAX' documentation names."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import Declared, changed, converted, costly, crashed, refused, unreadable
from ..base import Format
from .limits import DEEP_JSON, KEYS_BELIEVED, NARROWED, NO_ITEM, STORED
from .modules import state_of, update


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


_UNREGISTERED = refused("a dataclass that is not registered is no tree")
_AS_LISTS = converted("without an item to fill, every sequence comes back as a list")
_AS_DICTS = converted("without an item to fill, everything that has names comes back as a dict")

_WRITTEN: Declared = {
    "files/no-leftovers": costly("after a save that failed, what it had begun stays beside the checkpoint"),
    "crash/durable": unreadable("the last rename is not synced, so after a power failure the checkpoint may not be there"),
    "mismatch/64-bit-off": NARROWED,
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
            **STORED,
            "process/threads": crashed(
                "saves are told apart by a number that the whole process shares, so savers at work at the same time take each other's "
                "signals for their own, and fail or wait forever",
                defect=True,
                flaky=True,
            ),
            **_WRITTEN,
            **dict.fromkeys(map("container/empty-{}".format, ("list", "tuple", "dict")), NO_ITEM),
            "container/dataclass": _UNREGISTERED,
            "container/str": refused("text is no leaf to StandardCheckpointer"),
            "container/bytes": refused("bytes are no leaf to StandardCheckpointer"),
            "container/numpy-scalar": unreadable("a scalar of numpy is written, and as a template it is no leaf"),
            "keys/int": refused("keys of dicts are sorted, and these do not compare"),
            "mismatch/wrong-dtype": changed("what is read is cast to the template's dtype, as its documentation says"),
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
            **STORED,
            **_WRITTEN,
            **dict.fromkeys(map("container/empty-{}".format, ("list", "tuple", "dict")), NO_ITEM),
            **dict.fromkeys(("container/tuple", "container/nested"), _AS_LISTS),
            "container/namedtuple": _AS_DICTS,
            "container/ordered-dict": _AS_DICTS,
            "container/dataclass": _UNREGISTERED,
            "container/numpy-scalar": converted("scalars come back as Python numbers"),
            "keys/int": changed("keys are written as text (google/orbax#2561)"),
            "mismatch/empty-state": NO_ITEM,
            "corruption/bit-flip-header": KEYS_BELIEVED,
            "security/bomb": DEEP_JSON,
        },
    ),
)
