"""`flax.training.checkpoints`, which writes with Orbax."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, refused, unreadable
from ..base import Format
from .modules import state_of, update
from .shared_failures import CAST_TO_32_BITS, DEEP_JSON, EMPTY_CONTAINER, KEYS_UNCHECKED, ORBAX


def _save_checkpoint(tree: Any, path: pathlib.Path) -> None:
    """Save as the next step. The previous step is then removed, because by default one step is kept."""
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
    """Load the named variables only; the other variables of the model do not change."""
    from flax import nnx

    own, file = (nnx.traversals.flatten_mapping(tree) for tree in (state_of(model), _restore_checkpoint(path)))
    taken = {key: file[key] if ".".join(map(str, key)) in names else value for key, value in own.items()}
    update(model, nnx.traversals.unflatten_mapping(taken))


def _save_run(run: Any, path: pathlib.Path) -> None:
    _save_checkpoint(run.state(), path)


def _restore_run(path: pathlib.Path, run: Any) -> None:
    run.restore(_restore_like(path, run.state()))


_STATE_DICT = "without a target, load returns a state dict, in which every container is a dict"

_MERGED = changed("load silently keeps the values of the target for everything that the file lacks", defect=True)

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
            **ORBAX,
            "crash/power-loss": unreadable("the old checkpoint is removed before all of the new one is synced to disk"),
            "crash/durable": changed("the last rename is not synced to disk, and if there is no checkpoint, load returns the target"),
            "corruption/missing-part": changed(
                "if there is no checkpoint, load returns the target and raises no error, as documented (google/flax#1631)"
            ),
            "corruption/bit-flip-header": KEYS_UNCHECKED,
            "security/bomb": DEEP_JSON,
            "mismatch/missing": _MERGED,
            "mismatch/extra": changed("load looks for the keys of the target and ignores the rest of the file"),
            "mismatch/renamed": _MERGED,
            "mismatch/wrong-dtype": changed("load casts values to the dtype of the target", defect=True),
            "mismatch/empty-state": EMPTY_CONTAINER,
            "mismatch/64-bit-off": CAST_TO_32_BITS,
            "container/list": changed(_STATE_DICT + ", with positions as text for keys"),
            "container/tuple": changed(_STATE_DICT + ", with positions as text for keys"),
            "container/nested": changed(_STATE_DICT + ", with positions of lists as text for keys"),
            "container/empty-list": converted(_STATE_DICT),
            "container/empty-tuple": converted(_STATE_DICT),
            "container/namedtuple": converted(_STATE_DICT),
            "container/ordered-dict": converted(_STATE_DICT),
            "container/empty-dict": EMPTY_CONTAINER,
            "container/dataclass": refused("the Orbax backend does not accept a dataclass that is not registered as a tree"),
            "container/numpy-scalar": converted("NumPy scalars are loaded as Python numbers"),
            "keys/int": changed("keys are written as text, so int keys are loaded as text"),
        },
    ),
)
