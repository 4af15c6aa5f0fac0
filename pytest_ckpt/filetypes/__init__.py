"""What can be recognised in the bytes of any file: which kind of container it is, where its structures lie, and what is in it.

Knows bytes, and no format, framework or spec. What is recognised is recognised by its bytes alone, never by a name, and only in files
that are whole: nobody parses a damaged one here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from . import hdf5, npy
from . import json_header as headed
from . import json_text as texts
from . import msgpack as msgpacks
from . import pickle as pickles
from . import tar as tars
from . import zip as zips
from .base import ParseError, Region
from .compressed import packed, packed_zeros, unpacked

#: Every kind, in the order in which they are tried: those with a magic number first.
KINDS: dict[str, ModuleType] = {
    "zip": zips, "hdf5": hdf5, "npy": npy, "tar": tars, "pickle": pickles, "headed": headed, "json": texts, "msgpack": msgpacks,
}  # fmt: skip
#: Those that hold members with names.
ARCHIVES = ("zip", "tar")


@functools.lru_cache(256)
def kind_of(data: bytes) -> str | None:
    """The name of the kind of container; None for bytes of which nothing is known."""
    for name, module in KINDS.items():
        try:
            for _ in module.regions(data):
                pass
        except ParseError:
            continue
        return name
    return None


@functools.lru_cache(256)
def regions(data: bytes) -> tuple[Region, ...]:
    """The structures of a file in order, those of containers within it included; one region, where nothing is known of it."""
    kind = kind_of(data)
    if kind is None:
        return (Region(0, len(data), ""),) if data else ()
    return tuple(sorted(each for each in _unfolded(data, kind) if each.length))


def _unfolded(data: bytes, kind: str) -> Iterator[Region]:
    for region in KINDS[kind].regions(data):
        within = data[region.start : region.stop]
        inner = kind_of(within) if kind in ARCHIVES and region.what.startswith("the data of") else None
        if inner is None:
            yield region
            continue
        for each in regions(within):
            yield Region(region.start + each.start, region.start + each.stop, f"{each.what}, in {region.what}")


def members(data: bytes) -> dict[str, bytes]:
    """What is in an archive, by name; nothing for other bytes."""
    kind = kind_of(data)
    return KINDS[kind].members(data) if kind in ARCHIVES else {}


def rebuilt(data: bytes, changed: Mapping[str, bytes | None]) -> bytes:
    """An archive with other members, whole again: other bytes, or gone where there is None. Raises ValueError for other bytes."""
    kind = kind_of(data)
    if kind not in ARCHIVES:
        raise ValueError("only archives have members")
    made: Any = KINDS[kind].rebuilt(data, dict(changed))
    return bytes(made)


__all__ = ["ARCHIVES", "KINDS", "ParseError", "Region", "kind_of", "members", "packed", "packed_zeros", "rebuilt", "regions", "unpacked"]
