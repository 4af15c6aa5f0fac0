"""The variables of a Flax module as nested dicts, and back, for formats that save trees."""

from __future__ import annotations

from typing import Any


def state_of(model: Any) -> Any:
    """Return the variables of a module as nested dicts."""
    from flax import nnx

    return nnx.to_pure_dict(nnx.state(model))


def update(model: Any, tree: Any) -> None:
    """Set the variables of a module to the values of nested dicts as `state_of` returns them."""
    from flax import nnx

    state = nnx.state(model)
    nnx.replace_by_pure_dict(state, tree)
    nnx.update(model, state)
