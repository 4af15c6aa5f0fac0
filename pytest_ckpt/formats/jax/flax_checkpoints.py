"""`flax.training.checkpoints`, which writes by orbax."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, refused, unreadable
from ..base import Format
from .limits import DEEP_JSON, KEYS_BELIEVED, NARROWED, NO_ITEM, STORED
from .modules import state_of, update


def _save_checkpoint(tree: Any, path: pathlib.Path) -> None:
    """As the step after the last one, which is removed then, as by default one is kept."""
    from flax.training import checkpoints

    last = checkpoints.latest_checkpoint(path)
    checkpoints.save_checkpoint(path, tree, step=1 if last is None else int(last.rpartition("_")[2]) + 1)


def _restore_checkpoint(path: pathlib.Path) -> Any:
    from flax.training import checkpoints

    return checkpoints.restore_checkpoint(path, target=None)


def _restore_like(path: pathlib.Path, target: Any) -> Any:
    from flax.training import checkpoints

    return checkpoints.restore_checkpoint(path, target=target)


def _save_module(model: Any, path: pathlib.Path) -> None:
    _save_checkpoint(state_of(model), path)


def _restore_module(path: pathlib.Path, model: Any) -> None:
    update(model, _restore_like(path, state_of(model)))


def _restore_part(path: pathlib.Path, model: Any, names: list[str]) -> None:
    """Of what the file has, only what is called so; the rest stays as it is in the model."""
    from flax import nnx

    own, file = (nnx.traversals.flatten_mapping(tree) for tree in (state_of(model), _restore_checkpoint(path)))
    taken = {key: file[key] if ".".join(map(str, key)) in names else value for key, value in own.items()}
    update(model, nnx.traversals.unflatten_mapping(taken))


def _save_run(run: Any, path: pathlib.Path) -> None:
    _save_checkpoint(run.state(), path)


def _restore_run(path: pathlib.Path, run: Any) -> None:
    run.restore(_restore_like(path, run.state()))


_STATE_DICT = "without a target a state dict comes back, in which every container is a dict"

_MERGED = changed("what the target alone has is kept as it is there, and nothing is said", defect=True)

FORMATS = (
    Format(
        name="flax.checkpoints",
        backend="jax",
        save=_save_checkpoint,
        load=_restore_checkpoint,
        save_model=_save_module,
        load_model=_restore_module,
        load_partial=_restore_part,
        save_training=_save_run,
        load_training=_restore_run,
        expected_failures={
            **STORED,
            "crash/power-loss": unreadable("the old checkpoint is removed while what was written of the new one is not all synced"),
            "crash/durable": changed("the last rename is not synced, and where nothing stands, the target comes back"),
            "corruption/missing-part": changed(
                "where nothing stands, the target comes back, as documented, and no error (google/flax#1631)"
            ),
            "corruption/bit-flip-header": KEYS_BELIEVED,
            "security/bomb": DEEP_JSON,
            "mismatch/missing": _MERGED,
            "mismatch/extra": changed("what is looked for is what the target has, and the rest of the file is passed over"),
            "mismatch/renamed": _MERGED,
            "mismatch/wrong-dtype": changed("what is read is cast to the target's dtype", defect=True),
            "mismatch/empty-state": NO_ITEM,
            "mismatch/64-bit-off": NARROWED,
            "container/list": changed(_STATE_DICT + ", with the places as text for keys"),
            "container/tuple": changed(_STATE_DICT + ", with the places as text for keys"),
            "container/nested": changed(_STATE_DICT + ", with the places of lists as text for keys"),
            "container/empty-list": converted(_STATE_DICT),
            "container/empty-tuple": converted(_STATE_DICT),
            "container/namedtuple": converted(_STATE_DICT),
            "container/ordered-dict": converted(_STATE_DICT),
            "container/empty-dict": NO_ITEM,
            "container/dataclass": refused("a dataclass that is not registered is no tree to the orbax backend"),
            "container/numpy-scalar": converted("scalars come back as Python numbers"),
            "keys/int": changed("keys are written as text"),
        },
    ),
)
