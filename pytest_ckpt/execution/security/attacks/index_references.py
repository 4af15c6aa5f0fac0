"""Index files that name another file of the checkpoint: they name one outside it instead, with other values."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from typing import Any

from ....filetypes import FileType, json_header, json_text
from ....util.sampling import evenly_spaced
from ...snapshot import Snapshot, matching_files
from .base import SECRET, Attack, Host, Site, aim

#: How many of the files that one text names are replaced.
_TRIED = 16


def renamed_files(host: Host, snapshot: Snapshot, other: Snapshot) -> Iterator[Attack]:
    """Yield a relative path out of the checkpoint, and an absolute path, for each file that a host names."""
    pairs = matching_files(snapshot, other)
    for file in evenly_spaced([file for file in snapshot.files if file != host.file and file in pairs], _TRIED):
        foreign = other.files[pairs[file]]
        if foreign == snapshot.files[file]:
            continue
        for name in _known_as(file, host.file):
            if not _names(host, name):
                continue
            for how, absolute in (("'..'", False), ("an absolute path", True)):
                way = f"{how} where it names the file {name!r}"
                yield aim(way, host, _renamed, host, name, absolute, beside={SECRET: foreign})


def _known_as(file: str, from_file: str) -> list[str]:
    """Return the names that another file may use: relative to that file, relative to the top, or only the file name."""
    return list(dict.fromkeys([posixpath.relpath(file, posixpath.dirname(from_file) or "."), file, posixpath.basename(file)]))


def _names(host: Host, name: str) -> bool:
    """Return whether a host is a text that contains a name."""
    if host.filetype == FileType.JSON:
        return name in _strings(json_text.parse(host.data))
    if host.filetype == FileType.JSON_HEADER:
        return name in _strings(json_header.parse(host.data).header)
    return host.filetype is None and name.encode() in host.data and _is_text(host.data)


def _renamed(site: Site, host: Host, name: str, absolute: bool) -> bytes:
    secret = site.outside / SECRET
    new = str(secret) if absolute else os.path.relpath(secret, (site.checkpoint / host.file).parent)
    if host.filetype == FileType.JSON:
        return json_text.build(_exchanged(json_text.parse(host.data), name, new))
    if host.filetype == FileType.JSON_HEADER:
        parts = json_header.parse(host.data)
        return parts.with_header(_exchanged(parts.header, name, new))
    return host.data.replace(name.encode(), new.encode())


def _is_text(data: bytes) -> bool:
    try:
        return data.decode().replace("\n", "").replace("\t", "").isprintable()
    except UnicodeDecodeError:
        return False


def _strings(document: Any) -> set[str]:
    return {value for _, value in json_text.nodes(document) if isinstance(value, str)}


def _exchanged(document: Any, name: str, new: str) -> Any:
    for path, value in list(json_text.nodes(document)):
        if value == name:
            document = json_text.replace(document, path, new)
    return document
