"""Names and links that lead out of the checkpoint: out of where an archive is unpacked, or to files that are somebody else's."""

from __future__ import annotations

import os
import posixpath
import tarfile
from collections.abc import Callable, Iterator

from ....filetypes import FileType
from ....filetypes import tar as tars
from ....filetypes import zip as zips
from ...corruption.cases import paired, some
from ...snapshot import Snapshot
from . import hdf5
from .base import INSIDE, SECRET, TOKEN, Attack, Ground, Host, aim, hosts, whole_files
from .index_references import renamed_files

#: How many members of one archive, and datasets of one file, are tried.
_TRIED = 4
_LINK_AND_BEHIND = "a link to a folder outside, and a member behind it"


def attacks(whole: Snapshot, other: Snapshot | None) -> Iterator[Attack]:
    assert other is not None
    for host in whole_files(whole):
        yield aim("a zip archive with names that lead out of it, in its place", host, _foreign_zip)
        yield aim("a tar archive with names and links that lead out of it, in its place", host, _foreign_tar)
    theirs = {(host.file, host.member): host for host in hosts(other)}
    pairs = paired(whole, other)
    for host in hosts(whole):
        twin = theirs.get((pairs.get(host.file, ""), host.member))
        if host.filetype in _WITHIN:
            yield from _WITHIN[host.filetype](host, twin)
        if not host.member:
            yield from renamed_files(host, whole, other)


#: How a name can lead out of an archive: by the words for it, the name for a file called like a member in a folder. What is made keeps
#: the member's ending, since some loaders look at that.
_LEADING_OUT: dict[str, Callable[[Ground, str, str], str]] = {
    "'..'": lambda ground, folder, name: f"../{TOKEN}-{name}",
    "an absolute path": lambda ground, folder, name: str(ground.outside / f"{TOKEN}-{name}"),
    "'..' behind its folder": lambda ground, folder, name: (
        f"{folder}/{'/'.join(['..'] * (folder.count('/') + 2))}/{TOKEN}-{name}" if folder else f"./../{TOKEN}-{name}"
    ),
}


def _leading_out(ground: Ground, how: str, member: str) -> str:
    return _LEADING_OUT[how](ground, *posixpath.split(member))


def _inside(member: str) -> list[str]:
    """Names that show where an archive is unpacked to: at its top, and beside a member."""
    folder, name = posixpath.split(member)
    depth = len([part for part in folder.split("/") if part])
    return list(dict.fromkeys([f"{INSIDE}0-{name}", posixpath.join(folder, f"{INSIDE}{depth}-{name}")]))


def _foreign_zip(ground: Ground) -> bytes:
    return zips.build([(name, b"data") for name in [*_inside("data"), *(_leading_out(ground, how, "data") for how in _LEADING_OUT)]])


def _foreign_tar(ground: Ground) -> bytes:
    names = [*_inside("data"), *(_leading_out(ground, how, "data") for how in _LEADING_OUT)]
    return tars.build([*((tars.file_member(name), b"data") for name in names), *_tar_link_and_behind(ground)])


def _within_zip(host: Host, twin: Host | None) -> Iterator[Attack]:
    contents, theirs = zips.members(host.data), zips.members(twin.data) if twin else {}
    for member in some(list(contents), _TRIED):
        for how in _LEADING_OUT:
            yield aim(f"one more member like {member!r}, with {how} in its name", host, _zip_with_one, host.data, member, how, True)
            yield aim(f"{how} in the name of {member!r}", host, _zip_with_one, host.data, member, how, False)
        if member in theirs and theirs[member] != contents[member]:
            secret = {SECRET: theirs[member]}
            yield aim(f"a link to a file outside for {member!r}", host, _zip_with_link, host.data, member, beside=secret)
    yield aim(_LINK_AND_BEHIND, host, _zip_with_link_and_behind, host.data)


def _zip_with_one(ground: Ground, data: bytes, member: str, how: str, more: bool) -> bytes:
    """With a name that leads out, for a member or for one ``more``, and files that show where it should have been."""
    content = zips.members(data)[member]
    names = [*_inside(member), _leading_out(ground, how, member)]
    return zips.rebuild(data, {} if more else {member: None}, [(name, content, 0) for name in names])


def _zip_with_link(ground: Ground, data: bytes, member: str) -> bytes:
    return zips.rebuild(data, {member: None}, [(member, os.fsencode(ground.outside / SECRET), zips.LINK_MODE)])


def _zip_with_link_and_behind(ground: Ground, data: bytes) -> bytes:
    return zips.rebuild(data, {}, [("way", os.fsencode(ground.outside), zips.LINK_MODE), (f"way/{TOKEN}", b"hostile", 0)])


def _within_tar(host: Host, twin: Host | None) -> Iterator[Attack]:
    contents, theirs = tars.members(host.data), tars.members(twin.data) if twin else {}
    for member in some(list(contents), _TRIED):
        for how in _LEADING_OUT:
            yield aim(f"one more member like {member!r}, with {how} in its name", host, _tar_with_one, host.data, member, how)
        if member in theirs and theirs[member] != contents[member]:
            secret = {SECRET: theirs[member]}
            for hard in (False, True):
                way = f"a {'hard ' if hard else ''}link to a file outside for {member!r}"
                yield aim(way, host, _tar_with_link, host.data, member, hard, beside=secret)
    yield aim(_LINK_AND_BEHIND, host, _tar_with_link_and_behind, host.data)


def _tar_with_one(ground: Ground, data: bytes, member: str, how: str) -> bytes:
    content = tars.members(data)[member]
    return tars.rebuild(data, {}, [(tars.file_member(name), content) for name in [*_inside(member), _leading_out(ground, how, member)]])


def _tar_with_link(ground: Ground, data: bytes, member: str, hard: bool) -> bytes:
    return tars.rebuild(data, {member: None}, [(tars.link_member(member, str(ground.outside / SECRET), hard), b"")])


def _tar_with_link_and_behind(ground: Ground, data: bytes) -> bytes:
    return tars.rebuild(data, {}, _tar_link_and_behind(ground))


def _tar_link_and_behind(ground: Ground) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(tars.link_member("way", str(ground.outside)), b""), (tars.file_member(f"way/{TOKEN}"), b"hostile")]


def _within_hdf5(host: Host, twin: Host | None) -> Iterator[Attack]:
    """Links to another file, and elements that lie in another file."""
    if twin is None or not hdf5.available():
        return
    theirs = hdf5.datasets(twin.data)
    for name in some(hdf5.datasets(host.data), _TRIED):
        way = f"a link to a file outside for the dataset {name!r}"
        yield aim(way, host, _with_hdf5_link, host.data, name, beside={SECRET: twin.data})
        if name in theirs:
            way = f"elements in a file outside for the dataset {name!r}"
            yield aim(way, host, _with_hdf5_storage, host.data, name, beside={SECRET: hdf5.values(twin.data, name)})


def _with_hdf5_link(ground: Ground, data: bytes, name: str) -> bytes:
    return hdf5.with_link(data, name, str(ground.outside / SECRET))


def _with_hdf5_storage(ground: Ground, data: bytes, name: str) -> bytes:
    return hdf5.with_storage(data, name, str(ground.outside / SECRET))


_WITHIN: dict[FileType | None, Callable[[Host, Host | None], Iterator[Attack]]] = {
    FileType.ZIP: _within_zip, FileType.TAR: _within_tar, FileType.HDF5: _within_hdf5,
}  # fmt: skip
