"""Orbax, the checkpoints that JAX' documentation names."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, costly, crashed, refused, unreadable
from ..base import Format
from .limits import NARROWED, STORED


def _save_standard(tree: Any, path: pathlib.Path) -> None:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, tree)


def _restore_standard(path: pathlib.Path, template: Any) -> Any:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(path, template)


_EMPTY = refused("a tree has to have leaves, and so has every container in it")


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
                "savers at work at the same time miss each other's folders, or wait forever", defect=True, flaky=True
            ),
            "files/no-litter": costly("after a save that failed, what it had begun stays beside the checkpoint"),
            "crash/durable": unreadable("the last rename is not synced, so after a power failure the checkpoint may not be there"),
            **dict.fromkeys(map("container/empty-{}".format, ("list", "tuple", "dict")), _EMPTY),
            "container/dataclass": refused("a dataclass that is not registered is no tree"),
            "container/str": refused("text is no leaf to StandardCheckpointer"),
            "container/bytes": refused("bytes are no leaf to StandardCheckpointer"),
            "container/numpy-scalar": unreadable("a scalar of numpy is written, and as a template it is no leaf"),
            "keys/int": refused("keys of dicts are sorted, and these do not compare"),
            "mismatch/wrong-dtype": changed("what is read is cast to the template's dtype", defect=True),
            "mismatch/64-bit-off": NARROWED,
        },
    ),
)
