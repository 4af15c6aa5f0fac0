"""Check that save and load functions restore checkpoints bit for bit.

This module holds the public names. Each is imported at its first use, so that importing the package,
or loading its pytest plugin, imports no framework, no numpy and no hypothesis.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import strategies
    from .checks import list_checks
    from .compare.trees import assert_identical, differences
    from .expectations import Expectation, changed, converted, costly, crashed, refused, unreadable, unsafe
    from .formats.base import Format
    from .plugin.decorator import conformance
    from .results import Result
    from .roundtrip.trees import assert_roundtrip
    from .runner import check_format
    from .verdicts import Difference, Verdict

__version__ = "0.1.0"

#: The module of each public name, inside this package; empty for a module.
_MODULES = {
    "Difference": "verdicts",
    "Expectation": "expectations",
    "Format": "formats.base",
    "Result": "results",
    "Verdict": "verdicts",
    "assert_identical": "compare.trees",
    "assert_roundtrip": "roundtrip.trees",
    "changed": "expectations",
    "check_format": "runner",
    "conformance": "plugin.decorator",
    "converted": "expectations",
    "costly": "expectations",
    "crashed": "expectations",
    "differences": "compare.trees",
    "list_checks": "checks",
    "refused": "expectations",
    "strategies": "",
    "unreadable": "expectations",
    "unsafe": "expectations",
}

__all__ = [
    "Difference", "Expectation", "Format", "Result", "Verdict", "assert_identical", "assert_roundtrip", "changed",
    "check_format", "conformance", "converted", "costly", "crashed", "differences", "list_checks", "refused", "strategies",
    "unreadable", "unsafe",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _MODULES[name]:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
