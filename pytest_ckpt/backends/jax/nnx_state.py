"""States of Flax NNX as nested dicts of arrays, and back into what they belong to: models, optimizers and all else that NNX has.

NNX itself lets names be missing and takes any shape; here all has to fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax


def pure_state(node: Any) -> dict[Any, Any]:
    """The state of a model, or of anything else of NNX, as nested dicts of arrays: how Flax' guide saves it."""
    from flax import nnx

    # What an optimizer does not keep for a parameter stands there as a placeholder without an array.
    return nested({path: leaf for path, leaf in flat(nnx.to_pure_dict(nnx.state(node))).items() if jax.tree.leaves(leaf)})


def replace_state(node: Any, state: Any) -> None:
    """Puts back, in place, what `pure` gave. Raises ValueError, and alters nothing, where it does not fit."""
    from flax import nnx

    own = nnx.state(node)
    nnx.replace_by_pure_dict(own, fit_state(pure_state(node), state))
    nnx.update(node, own)


def fit_state(own: Mapping[Any, Any], state: Any) -> dict[Any, Any]:
    """The arrays of ``state``. Raises ValueError unless paths, shapes and dtypes are just those of ``own``: NNX itself lets names be
    missing, and takes any shape."""
    ours, theirs = flat(own), flat(state)
    if missing := [path for path in ours if path not in theirs]:
        raise ValueError(f"the state has no {_shown(missing[0])}, one of {len(missing)} missing; it has {_names(theirs)}")
    if more := [path for path in theirs if path not in ours]:
        raise ValueError(f"the state has {_shown(more[0])}, one of {len(more)} too many; there are {_names(ours)}")
    values = {}
    for path, wanted in ours.items():
        came = theirs[path]
        if _told(came) != _told(wanted):
            raise ValueError(f"{_shown(path)} is {_told(wanted)}, and the state has {_told(came)}")
        # On the same device, for good: what is compiled for one that may wander is compiled once more.
        values[path] = jax.device_put(came, wanted.sharding)
        if _told(values[path]) != _told(wanted):
            raise ValueError(f"{_shown(path)} is {_told(wanted)}, of which jax makes {_told(values[path])} with its present settings")
    return nested(values)


def _told(leaf: Any) -> str:
    return f"{leaf.dtype} of shape {tuple(leaf.shape)}" if hasattr(leaf, "dtype") else f"a {type(leaf).__name__}"


def flat(tree: Any) -> dict[tuple[Any, ...], Any]:
    """The leaves of nested dicts by their paths."""
    if not isinstance(tree, Mapping):
        raise ValueError(f"a state is a dict, not a {type(tree).__name__}")
    found: dict[tuple[Any, ...], Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found.update({(key, *path): leaf for path, leaf in flat(value).items()})
        else:
            found[(key,)] = value
    return found


def nested(leaves: Mapping[tuple[Any, ...], Any]) -> dict[Any, Any]:
    """What `flat` has made flat."""
    tree: dict[Any, Any] = {}
    for path, leaf in leaves.items():
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = leaf
    return tree


def _shown(path: tuple[Any, ...]) -> str:
    """A path as text that tells places from their names, 0 from '0'."""
    return "/".join(map(repr, path))


def _names(paths: Mapping[tuple[Any, ...], Any]) -> str:
    return ", ".join(map(_shown, paths)) or "nothing"
