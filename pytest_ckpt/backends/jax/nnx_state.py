"""Convert the state of an NNX object (a model, an optimizer, random generators) to nested dicts of
arrays, and load it back.

NNX itself accepts missing names and any shape. Here, all names, shapes and dtypes must match.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax


def pure_state(node: Any) -> dict[Any, Any]:
    """Return the state of an NNX object as nested dicts of arrays, as the guide of Flax saves it."""
    from flax import nnx

    # An optimizer has a placeholder without an array where it has no state for a parameter.
    return nested({path: leaf for path, leaf in flat(nnx.to_pure_dict(nnx.state(node))).items() if jax.tree.leaves(leaf)})


def replace_state(node: Any, state: Any) -> None:
    """Load a result of `pure_state` in place.

    Raises ValueError, and changes nothing, if it does not fit.
    """
    from flax import nnx

    own = nnx.state(node)
    nnx.replace_by_pure_dict(own, fit_state(pure_state(node), state))
    nnx.update(node, own)


def fit_state(own: Mapping[Any, Any], state: Any) -> dict[Any, Any]:
    """Return the arrays of ``state``, on the devices of ``own``.

    Raises ValueError unless paths, shapes and dtypes are those of ``own``.
    """
    ours, theirs = flat(own), flat(state)
    if missing := [path for path in ours if path not in theirs]:
        raise ValueError(f"the state lacks {len(missing)} leaves, such as {_path_text(missing[0])}; it has {_names(theirs)}")
    if extra := [path for path in theirs if path not in ours]:
        raise ValueError(f"the state has {len(extra)} unexpected leaves, such as {_path_text(extra[0])}; expected {_names(ours)}")
    values = {}
    for path, current in ours.items():
        loaded = theirs[path]
        if _type_text(loaded) != _type_text(current):
            raise ValueError(f"{_path_text(path)} must be {_type_text(current)}, but the state has {_type_text(loaded)}")
        # Committed to a device, because jax compiles a function again for uncommitted arrays.
        values[path] = jax.device_put(loaded, current.sharding)
        if _type_text(values[path]) != _type_text(current):
            message = f"jax converts it to {_type_text(values[path])} with the current settings"
            raise ValueError(f"{_path_text(path)} must be {_type_text(current)}, but {message}")
    return nested(values)


def _type_text(leaf: Any) -> str:
    return f"{leaf.dtype} of shape {tuple(leaf.shape)}" if hasattr(leaf, "dtype") else f"a {type(leaf).__name__}"


def flat(tree: Any) -> dict[tuple[Any, ...], Any]:
    """Return the leaves of nested dicts by path. Raises ValueError if ``tree`` is not a dict."""
    if not isinstance(tree, Mapping):
        raise ValueError(f"a state must be a dict, not a {type(tree).__name__}")
    found: dict[tuple[Any, ...], Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found.update({(key, *path): leaf for path, leaf in flat(value).items()})
        else:
            found[(key,)] = value
    return found


def nested(leaves: Mapping[tuple[Any, ...], Any]) -> dict[Any, Any]:
    """Return the nested dicts for leaves by path: the inverse of `flat`."""
    tree: dict[Any, Any] = {}
    for path, leaf in leaves.items():
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = leaf
    return tree


def _path_text(path: tuple[Any, ...]) -> str:
    """Return a path as text that distinguishes the index 0 from the name '0'."""
    return "/".join(map(repr, path))


def _names(paths: Mapping[tuple[Any, ...], Any]) -> str:
    return ", ".join(map(_path_text, paths)) or "none"
