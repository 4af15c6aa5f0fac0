"""A format that trusts its files; a fault supplies the function that reads them."""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .checksummed import decode, encode, verify_checksum


def trusting_format(
    backend: str, write: Callable[[pathlib.Path, bytes], Any], extract: Callable[[pathlib.Path], bytes], **fields: Any
) -> Format:
    """Return a format that stores the bytes of a tree by ``write`` and reads them by ``extract``."""

    def save(tree: Any, path: pathlib.Path) -> None:
        write(path, encode(backend, tree))

    def load(path: pathlib.Path) -> Any:
        return decode(backend, verify_checksum(bytes(extract(path))))

    return Format(name="trusting", backend=backend, save=save, load=load, accepts="dict", **fields)


def write_zip(name: str, encode_member: Callable[[bytes], bytes]) -> Callable[[pathlib.Path, bytes], None]:
    """Return a function that writes a ZIP archive with one member."""

    def write(path: pathlib.Path, data: bytes) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"archive/{name}", encode_member(data))

    return write


def read_first_member(path: pathlib.Path) -> bytes:
    """Return the first member of a ZIP archive."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0])
