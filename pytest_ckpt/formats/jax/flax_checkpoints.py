"""`flax.training.checkpoints`, which writes by orbax."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, crashed, refused
from ..base import Format
from .limits import NARROWED, STORED


def _save_checkpoint(tree: Any, path: pathlib.Path) -> None:
    from flax.training import checkpoints

    checkpoints.save_checkpoint(path, tree, step=1, overwrite=True)


def _restore_checkpoint(path: pathlib.Path) -> Any:
    from flax.training import checkpoints

    return checkpoints.restore_checkpoint(path, target=None)


def _save_module(model: Any, path: pathlib.Path) -> None:
    from flax import nnx

    _save_checkpoint(nnx.to_pure_dict(nnx.state(model)), path)


def _restore_module(path: pathlib.Path, model: Any) -> None:
    _update(model, _restored(path, model))


def _restore_part(path: pathlib.Path, model: Any, names: list[str]) -> None:
    """Of what the file has, only what is called so; the rest stays as it is in the model."""
    from flax import nnx

    own, file = (nnx.traversals.flatten_mapping(tree) for tree in (nnx.to_pure_dict(nnx.state(model)), _restore_checkpoint(path)))
    taken = {key: file[key] if ".".join(map(str, key)) in names else value for key, value in own.items()}
    _update(model, nnx.traversals.unflatten_mapping(taken))


def _restored(path: pathlib.Path, model: Any) -> Any:
    from flax import nnx
    from flax.training import checkpoints

    return checkpoints.restore_checkpoint(path, target=nnx.to_pure_dict(nnx.state(model)))


def _update(model: Any, tree: Any) -> None:
    from flax import nnx

    state = nnx.state(model)
    nnx.replace_by_pure_dict(state, tree)
    nnx.update(model, state)


def _save_run(run: Any, path: pathlib.Path) -> None:
    _save_checkpoint(run.state(), path)


def _restore_run(path: pathlib.Path, run: Any) -> None:
    from flax.training import checkpoints

    run.restore(checkpoints.restore_checkpoint(path, target=run.state()))


_STATE_DICT = "containers are written as dicts, and without a target they come back as dicts"

_MERGED = changed("file and target are merged: a name that either alone has is passed over, and nothing is said", defect=True)

_GONE = changed("the old checkpoint is removed before the new one is there, and nothing at a path is loaded as None", defect=True)


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
            **dict.fromkeys(("files/failed-save-keeps-old", "files/disk-full", "process/reader-beside-writer"), _GONE),
            **dict.fromkeys(map("crash/{}".format, ("kill", "exception", "power-loss", "durable")), _GONE),
            "corruption/missing-part": changed("where nothing stands, None is loaded, and no error is raised", defect=True),
            "security/bomb": crashed("JSON that is nested deep ends the process", defect=True),
            "mismatch/missing": _MERGED,
            "mismatch/extra": _MERGED,
            "mismatch/renamed": _MERGED,
            "mismatch/wrong-dtype": changed("what is read is cast to the target's dtype", defect=True),
            "mismatch/empty-state": refused("a tree without leaves is no tree to the orbax backend"),
            "mismatch/64-bit-off": NARROWED,
            "container/list": changed(_STATE_DICT + ", with the places as text for keys"),
            "container/tuple": changed(_STATE_DICT + ", with the places as text for keys"),
            "container/nested": changed(_STATE_DICT + ", with the places of lists as text for keys"),
            "container/empty-list": converted(_STATE_DICT),
            "container/empty-tuple": converted(_STATE_DICT),
            "container/namedtuple": converted(_STATE_DICT),
            "container/ordered-dict": converted(_STATE_DICT),
            "container/empty-dict": refused("a tree without leaves is no tree to the orbax backend"),
            "container/dataclass": refused("a dataclass that is not registered is no tree to the orbax backend"),
            "container/numpy-scalar": converted("scalars come back as Python numbers"),
            "keys/int": changed("keys are written as text"),
        },
    ),
)
