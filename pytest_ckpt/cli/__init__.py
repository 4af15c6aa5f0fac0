"""The command line `pytest-ckpt`."""

from .commands import main

__all__ = ["main"]
