"""Hypothesis strategies: of specs, and of real objects that a backend builds from them.

They draw everything that is legal, and one keyword narrows each thing. The modules have other names
than the functions, because ``pytest_ckpt.strategies.models`` is a function.
"""

from __future__ import annotations

from .model_strategies import model_specs
from .objects import BackendStrategies, dicts, lists, models, tensors, training_runs, trees
from .tensor_strategies import dict_specs, list_specs, tensor_specs
from .training_strategies import training_specs
from .tree_strategies import CONTAINERS, tree_specs

__all__ = [
    "CONTAINERS", "BackendStrategies", "dict_specs", "dicts", "list_specs", "lists", "model_specs", "models", "tensor_specs", "tensors",
    "training_runs", "training_specs", "tree_specs", "trees",
]  # fmt: skip
