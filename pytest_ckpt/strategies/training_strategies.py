"""Draw specs of training runs: a small network, an optimizer, a schedule and numbers of steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from hypothesis import strategies as st

from ..backends import capabilities
from ..specs import OPTIMIZERS, SCHEDULES, ModelSpec, TrainingSpec
from .model_strategies import THREE_BYTES, check_has_models, model_specs
from .names import checked_names

#: Training runs use only these layers. They train fast, and they are enough to test an optimizer.
_LAYERS = ("dense", "relu", "prelu", "parameter", "layer-norm", "batch-norm", "dropout")


def training_specs(
    backend: str, *, optimizers: Iterable[str] | None = None, schedules: Iterable[str] | None = None
) -> st.SearchStrategy[TrainingSpec]:
    """Return a strategy of `TrainingSpec`: training runs of small networks.

    ``optimizers`` are names in `OPTIMIZERS` and ``schedules`` names in `SCHEDULES` (default: all
    that the backend has). A run may also have no schedule. Raise ValueError for an unknown name, or
    if the backend has none of the optimizers.
    """
    check_has_models(backend)
    named = tuple(OPTIMIZERS) if optimizers is None else checked_names(optimizers, OPTIMIZERS, "optimizer")
    rates = tuple(SCHEDULES) if schedules is None else checked_names(schedules, SCHEDULES, "schedule")
    kinds = tuple(name for name in named if name in capabilities(backend).optimizers)
    plans = ("", *(name for name in rates if name in capabilities(backend).schedules))
    if not kinds:
        raise ValueError(f"{backend} has none of the optimizers {', '.join(named)}")
    models = model_specs(backend, layers=_LAYERS, containers=False, flags=False, max_layers=3)

    def decode(drawn: tuple[ModelSpec, tuple[int, ...], tuple[int, ...]]) -> TrainingSpec:
        model, (optimizer, schedule, steps), (noise, seed, _) = drawn
        return TrainingSpec(
            dataclasses.replace(model, training=False),
            kinds[optimizer * len(kinds) >> 8],
            plans[schedule * len(plans) >> 8],
            noise=noise >= 192,
            before=1 + steps % 4,
            after=1 + (steps >> 6),
            seed=1 + seed,
        )

    return st.tuples(models, THREE_BYTES, THREE_BYTES).map(decode)
