"""Recognize strategies of Hypothesis without importing it."""

from __future__ import annotations

import sys
from typing import Any


def is_strategy(value: Any) -> bool:
    """Return whether ``value`` is a strategy of Hypothesis. If nobody has imported Hypothesis, nothing is."""
    module = sys.modules.get("hypothesis.strategies")
    return module is not None and isinstance(value, module.SearchStrategy)
