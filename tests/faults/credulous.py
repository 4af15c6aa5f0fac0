"""A format in whose files a sealed tree stands, and which believes what they say."""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .sealed import decode, encode, unseal


def credulous(backend: str, write: Callable[[pathlib.Path, bytes], Any], found: Callable[[pathlib.Path], bytes], **more: Any) -> Format:
    """A format in whose files, one way or another, a sealed tree stands."""

    def save(tree: Any, path: pathlib.Path) -> None:
        write(path, encode(backend, tree))

    def load(path: pathlib.Path) -> Any:
        return decode(backend, unseal(bytes(found(path))))

    return Format(name="credulous", backend=backend, save=save, load=load, accepts="dict", **more)


def zipped(name: str, pack: Callable[[bytes], bytes]) -> Callable[[pathlib.Path, bytes], None]:
    def write(path: pathlib.Path, data: bytes) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"archive/{name}", pack(data))

    return write


def member(path: pathlib.Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0])
