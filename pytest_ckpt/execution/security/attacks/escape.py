"""Names and links that lead out of the checkpoint: out of the folder of an unpacked archive, or to files of others."""

from __future__ import annotations

import os
import posixpath
import tarfile
from collections.abc import Callable, Iterator

from ....filetypes import FileType, tar
from ....filetypes import zip as zip_archive
from ....util.sampling import evenly_spaced
from ...snapshot import Snapshot, matching_files
from . import hdf5
from .base import INSIDE, SECRET, TOKEN, Attack, Host, Site, aim, hosts, whole_files
from .index_references import renamed_files

#: How many members of one archive, and datasets of one file, are changed.
_TRIED = 4
_LINK_AND_BEHIND = "a link to a folder outside, and a member behind it"


def attacks(snapshot: Snapshot, other: Snapshot | None) -> Iterator[Attack]:
    assert other is not None
    for host in whole_files(snapshot):
        yield aim("a zip archive with names that lead out of it, in its place", host, _foreign_zip)
        yield aim("a tar archive with names and links that lead out of it, in its place", host, _foreign_tar)
    theirs = {(host.file, host.member): host for host in hosts(other)}
    pairs = matching_files(snapshot, other)
    for host in hosts(snapshot):
        twin = theirs.get((pairs.get(host.file, ""), host.member))
        if host.filetype in _WITHIN:
            yield from _WITHIN[host.filetype](host, twin)
        if not host.member:
            yield from renamed_files(host, snapshot, other)


#: Names that lead out of an archive, by description, for a member and its folder. They keep the ending of the member's name, because
#: some loaders depend on it.
_LEADING_OUT: dict[str, Callable[[Site, str, str], str]] = {
    "'..'": lambda site, folder, name: f"../{TOKEN}-{name}",
    "an absolute path": lambda site, folder, name: str(site.outside / f"{TOKEN}-{name}"),
    "'..' behind its folder": lambda site, folder, name: (
        f"{folder}/{'/'.join(['..'] * (folder.count('/') + 2))}/{TOKEN}-{name}" if folder else f"./../{TOKEN}-{name}"
    ),
}


def _leading_out(site: Site, how: str, member: str) -> str:
    return _LEADING_OUT[how](site, *posixpath.split(member))


def _inside(member: str) -> list[str]:
    """Return names that show where an archive is unpacked: one at its top, and one next to a member."""
    folder, name = posixpath.split(member)
    depth = len([part for part in folder.split("/") if part])
    return list(dict.fromkeys([f"{INSIDE}0-{name}", posixpath.join(folder, f"{INSIDE}{depth}-{name}")]))


def _foreign_zip(site: Site) -> bytes:
    return zip_archive.build([(name, b"data") for name in [*_inside("data"), *(_leading_out(site, how, "data") for how in _LEADING_OUT)]])


def _foreign_tar(site: Site) -> bytes:
    names = [*_inside("data"), *(_leading_out(site, how, "data") for how in _LEADING_OUT)]
    return tar.build([*((tar.file_member(name), b"data") for name in names), *_tar_link_and_behind(site)])


def _within_zip(host: Host, twin: Host | None) -> Iterator[Attack]:
    contents, theirs = zip_archive.members(host.data), zip_archive.members(twin.data) if twin else {}
    for member in evenly_spaced(list(contents), _TRIED):
        for how in _LEADING_OUT:
            yield aim(f"one more member like {member!r}, with {how} in its name", host, _zip_with_one, host.data, member, how, True)
            yield aim(f"{how} in the name of {member!r}", host, _zip_with_one, host.data, member, how, False)
        if member in theirs and theirs[member] != contents[member]:
            secret = {SECRET: theirs[member]}
            yield aim(f"a link to a file outside for {member!r}", host, _zip_with_link, host.data, member, beside=secret)
    yield aim(_LINK_AND_BEHIND, host, _zip_with_link_and_behind, host.data)


def _zip_with_one(site: Site, data: bytes, member: str, how: str, more: bool) -> bytes:
    """Return the archive with a name that leads out, for a member or for one ``more``, and with names that show where it is unpacked."""
    content = zip_archive.members(data)[member]
    names = [*_inside(member), _leading_out(site, how, member)]
    return zip_archive.rebuild(data, {} if more else {member: None}, [(name, content, 0) for name in names])


def _zip_with_link(site: Site, data: bytes, member: str) -> bytes:
    return zip_archive.rebuild(data, {member: None}, [(member, os.fsencode(site.outside / SECRET), zip_archive.LINK_MODE)])


def _zip_with_link_and_behind(site: Site, data: bytes) -> bytes:
    return zip_archive.rebuild(data, {}, [("way", os.fsencode(site.outside), zip_archive.LINK_MODE), (f"way/{TOKEN}", b"hostile", 0)])


def _within_tar(host: Host, twin: Host | None) -> Iterator[Attack]:
    contents, theirs = tar.members(host.data), tar.members(twin.data) if twin else {}
    for member in evenly_spaced(list(contents), _TRIED):
        for how in _LEADING_OUT:
            yield aim(f"one more member like {member!r}, with {how} in its name", host, _tar_with_one, host.data, member, how)
        if member in theirs and theirs[member] != contents[member]:
            secret = {SECRET: theirs[member]}
            for hard in (False, True):
                way = f"a {'hard ' if hard else ''}link to a file outside for {member!r}"
                yield aim(way, host, _tar_with_link, host.data, member, hard, beside=secret)
    yield aim(_LINK_AND_BEHIND, host, _tar_with_link_and_behind, host.data)


def _tar_with_one(site: Site, data: bytes, member: str, how: str) -> bytes:
    content = tar.members(data)[member]
    return tar.rebuild(data, {}, [(tar.file_member(name), content) for name in [*_inside(member), _leading_out(site, how, member)]])


def _tar_with_link(site: Site, data: bytes, member: str, hard: bool) -> bytes:
    return tar.rebuild(data, {member: None}, [(tar.link_member(member, str(site.outside / SECRET), hard), b"")])


def _tar_with_link_and_behind(site: Site, data: bytes) -> bytes:
    return tar.rebuild(data, {}, _tar_link_and_behind(site))


def _tar_link_and_behind(site: Site) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(tar.link_member("way", str(site.outside)), b""), (tar.file_member(f"way/{TOKEN}"), b"hostile")]


def _within_hdf5(host: Host, twin: Host | None) -> Iterator[Attack]:
    """Yield links to another file, and datasets whose elements are in another file."""
    if twin is None or not hdf5.available():
        return
    theirs = hdf5.datasets(twin.data)
    for name in evenly_spaced(hdf5.datasets(host.data), _TRIED):
        way = f"a link to a file outside for the dataset {name!r}"
        yield aim(way, host, _with_hdf5_link, host.data, name, beside={SECRET: twin.data})
        if name in theirs:
            way = f"elements in a file outside for the dataset {name!r}"
            yield aim(way, host, _with_hdf5_storage, host.data, name, beside={SECRET: hdf5.values(twin.data, name)})


def _with_hdf5_link(site: Site, data: bytes, name: str) -> bytes:
    return hdf5.with_link(data, name, str(site.outside / SECRET))


def _with_hdf5_storage(site: Site, data: bytes, name: str) -> bytes:
    return hdf5.with_storage(data, name, str(site.outside / SECRET))


_WITHIN: dict[FileType | None, Callable[[Host, Host | None], Iterator[Attack]]] = {
    FileType.ZIP: _within_zip, FileType.TAR: _within_tar, FileType.HDF5: _within_hdf5,
}  # fmt: skip
