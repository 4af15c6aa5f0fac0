"""What people save JAX arrays and Flax states with: `jnp.save`, and `flax.training.checkpoints`."""

from __future__ import annotations

import pathlib
from typing import Any

import jax.numpy as jnp

from ..expectations import Declared, changed, converted, costly, crashed, refused, unreadable
from .base import Format
from .limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, NOTICED, PICKLE, UNNOTICED


def _save(tree: Any, path: pathlib.Path) -> None:
    jnp.save(path, tree)


def _load(path: pathlib.Path) -> Any:
    return jnp.load(path, allow_pickle=True)


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


def _save_bytes(tree: Any, path: pathlib.Path) -> None:
    from flax import serialization

    path.write_bytes(serialization.to_bytes(tree))


def _restore_bytes(path: pathlib.Path, template: Any) -> Any:
    from flax import serialization

    return serialization.from_bytes(template, path.read_bytes())


def _save_standard(tree: Any, path: pathlib.Path) -> None:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, tree)


def _restore_standard(path: pathlib.Path, template: Any) -> Any:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(path, template)


_EXTENSION = changed("the .npy header has no name for this type, so it comes back as raw bytes")
_DESCRIPTOR = unreadable("ml_dtypes gives this type a descriptor that numpy writes into the header and cannot parse", defect=True)
_ARRAY = changed("jnp.save makes one array of everything: of a list as np.asarray does, of a dict one without dimensions")
_STORE = refused("the array store that checkpoints are written to has no such dtype")
_NO_ELEMENTS = refused("checkpoints of arrays without elements are refused")
_STATE_DICT = "containers are written as dicts, and without a target they come back as dicts"

_KEYS = refused("typed keys of the random generators are no arrays to numpy; jax asks for jax.random.key_data")
_NARROWED = changed("what is read becomes an array of jax, which makes 32 bits of 64 with these settings, and says nothing", defect=True)
_EMPTY = refused("a tree has to have leaves, and so has every container in it")
_MERGED = changed("file and target are merged: a name that either alone has is passed over, and nothing is said", defect=True)
#: What the array store below orbax does not write, whatever stands around it.
_STORED: Declared = {
    "*/int1": _STORE,
    "*/uint1": _STORE,
    "*/uint2": _STORE,
    "*/uint4": _STORE,
    "*/float8_e4m3": _STORE,
    "*/string": _STORE,
    "shape/empty": _NO_ELEMENTS,
    "shape/zero-size-inside": _NO_ELEMENTS,
    "container/bytes": _STORE,
    "container/big-int": _STORE,
    "keys/order": converted("the keys of dicts are sorted, as jax.tree.map does"),
    "keys/prefix": changed("paths are joined with dots, so a.b beside a with a b in it are one entry, and one value is lost", defect=True),
    "alias/file-size-of-alias": costly("each path has its own entry"),
    "model/mode": converted("a state holds variables, and not the mode that the module was left in"),
    "files/path-glob": unreadable("the path is taken for a pattern when it is loaded, and not when it is saved", defect=True),
    "files/path-relative": refused("paths have to be absolute"),
    "files/deterministic": costly("files in the checkpoint have names that are drawn"),
}
_GONE = changed("the old checkpoint is removed before the new one is there, and nothing at a path is loaded as None", defect=True)

FORMATS = (
    Format(
        name="jax.numpy-save",
        backend="jax",
        save=_save,
        load=_load,
        accepts="tensor",
        suffix=".npy",
        expected_failures={
            **IN_PLACE,
            **INTERRUPTIBLE,
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            **PICKLE,
            "dtype/int[124]": _EXTENSION,
            "dtype/uint[124]": _EXTENSION,
            "dtype/float4_*": _EXTENSION,
            "dtype/float8_*": _EXTENSION,
            "dtype/float8_e5m2": _DESCRIPTOR,
            "bits/float8_e5m2": _DESCRIPTOR,
            "nan-payload/float8_e5m2": _DESCRIPTOR,
            "container/*": _ARRAY,
            "tensor/prng-key": refused("typed keys are no arrays to numpy; jax asks for jax.random.key_data"),
            "mismatch/64-bit-off": _NARROWED,
        },
    ),
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
            **_STORED,
            **dict.fromkeys(("files/failed-save-keeps-old", "files/disk-full", "process/reader-beside-writer"), _GONE),
            **dict.fromkeys(map("crash/{}".format, ("kill", "exception", "power-loss", "durable")), _GONE),
            "corruption/missing-part": changed("where nothing stands, None is loaded, and no error is raised", defect=True),
            "security/bomb": crashed("JSON that is nested deep ends the process", defect=True),
            "mismatch/missing": _MERGED,
            "mismatch/extra": _MERGED,
            "mismatch/renamed": _MERGED,
            "mismatch/wrong-dtype": changed("what is read is cast to the target's dtype", defect=True),
            "mismatch/empty-state": refused("a tree without leaves is no tree to the orbax backend"),
            "mismatch/64-bit-off": _NARROWED,
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
    Format(
        name="orbax.standard",
        backend="jax",
        save=_save_standard,
        load=_restore_standard,
        template=True,
        time_limit=30.0,
        expected_failures={
            **_STORED,
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
            "mismatch/64-bit-off": _NARROWED,
        },
    ),
)
