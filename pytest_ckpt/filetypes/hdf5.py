"""HDF5 files: the structures that begin with a signature."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .base import ParseError, Region

MAGIC = b"\x89HDF\r\n\x1a\n"
#: The signatures, and the structures that they begin.
_STRUCTURES = {
    b"TREE": "a B-tree", b"HEAP": "a local heap", b"GCOL": "a global heap", b"SNOD": "a symbol table", b"OHDR": "an object header",
    b"OCHK": "the rest of an object header", b"BTHD": "a B-tree", b"BTIN": "a B-tree", b"BTLF": "a B-tree", b"FRHP": "a fractal heap",
    b"FHDB": "a fractal heap", b"FHIB": "a fractal heap", b"FADB": "an array of chunks", b"EADB": "an array of chunks",
}  # fmt: skip


def regions(data: bytes) -> Iterator[Region]:
    """Yield the bytes from each signature to the next one. Structures without a signature belong to the region before them."""
    if not data.startswith(MAGIC):
        raise ParseError
    found = [(0, "the superblock")]
    pattern = re.compile(b"|".join(map(re.escape, _STRUCTURES)))
    found += [(match.start(), _STRUCTURES[match.group()]) for match in pattern.finditer(data)]
    for (start, name), (stop, _) in zip(found, [*found[1:], (len(data), "")], strict=True):
        yield Region(start, stop, f"{name} or the bytes that follow it")
