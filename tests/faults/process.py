"""Faults in what a format does across processes."""

from __future__ import annotations

from pytest_ckpt import Format


def faults(case: str, backend: str) -> dict[str, Format]:
    """The formats that the check ``process/case`` has to see through, by the name of their fault."""
    raise KeyError(case)
