"""The sealed format, but for one step: what the faults in saving and loading are made of."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .sealed import Sealed, sealed_format, write_safely

Make = Callable[[str], Format]


def planted(backend: str, save: Callable[..., Any], load: Callable[..., Any] | None = None) -> Format:
    return Format(name="planted", backend=backend, save=save, load=load or Sealed(backend).load, accepts="dict")


def writing(write: Callable[[pathlib.Path, bytes], Any]) -> Make:
    """The bytes are right; how they are written is not."""
    return lambda backend: sealed_format(backend, write=write)


def leaving(leave: Callable[[pathlib.Path], Any]) -> Make:
    """Something stays when a save is over."""

    def write(path: pathlib.Path, data: bytes) -> None:
        write_safely(path, data)
        leave(path)

    return writing(write)
