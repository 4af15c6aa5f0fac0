"""What a module of Flax holds as a plain dict, and back: what orbax is given of a model, whoever asks it to save."""

from __future__ import annotations

from typing import Any


def state_of(model: Any) -> Any:
    """The variables of a module, as dicts in dicts."""
    from flax import nnx

    return nnx.to_pure_dict(nnx.state(model))


def update(model: Any, tree: Any) -> None:
    """Gives the variables of a module the values of such a dict."""
    from flax import nnx

    state = nnx.state(model)
    nnx.replace_by_pure_dict(state, tree)
    nnx.update(model, state)
