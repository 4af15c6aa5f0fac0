"""An intact checkpoint as bytes: saved once by a worker, then written again as often as a damaged copy is needed.

A snapshot knows which of its bytes are those of the saved values.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..compare.tensors import tensors_in
from ..filetypes import RegionRole, regions
from ..specs import Spec
from ..verdicts import Observation, Verdict
from . import questions
from .checkpoint_files import owned_by
from .context import CacheKey, Context, Workspace
from .model_io import models_for
from .subject import Subject
from .user_code import EarlyResult

#: Aspects in which an intact checkpoint must be restored before a damaged one proves anything.
CONTENT = ("values", "nan-payload", "dtype", "shape", "keys")
#: Fewer bytes than these are found by chance.
_SHORTEST = 4
_COPIES = itertools.count()


@dataclasses.dataclass(frozen=True)
class Span:
    """The bytes of ``file`` from ``start`` to ``stop``."""

    file: str
    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclasses.dataclass(frozen=True)
class Block:
    """A tensor: its shape, its size in bytes, and its bytes in each of the orders in which they may be written."""

    shape: tuple[int, ...]
    size: int
    orders: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The files, folders and symbolic links of a checkpoint, by names below the folder that it was saved in.

    ``name`` is the name of the checkpoint itself. ``blocks`` are its tensors.
    """

    name: str
    files: Mapping[str, bytes]
    folders: tuple[str, ...]
    links: Mapping[str, str]
    blocks: tuple[Block, ...]

    def write(self, folder: pathlib.Path, changed: Mapping[str, bytes | None] | None = None) -> pathlib.Path:
        """Write it into a folder, and return its path. ``changed`` has other contents of files, or None for a file to leave out."""
        for name in self.folders:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, target in self.links.items():
            (folder / name).symlink_to(target)
        for name, content in {**self.files, **(changed or {})}.items():
            if content is not None:
                (folder / name).write_bytes(content)
        return folder / self.name

    @functools.cached_property
    def values(self) -> tuple[Span, ...]:
        """The bytes of the saved values, in every file."""
        found: set[tuple[str, int, int]] = set()
        for file, data in self.files.items():
            for block in itertools.chain.from_iterable(each.orders for each in self.blocks):
                at = data.find(block)
                while at >= 0:
                    found.add((file, at, at + len(block)))
                    at = data.find(block, at + 1)
        spans: list[Span] = []
        for file, start, stop in sorted(found):
            if not spans or spans[-1].file != file or spans[-1].stop <= start:
                spans.append(Span(file, start, stop))
        return tuple(spans)

    @functools.cached_property
    def payload(self) -> tuple[Span, ...]:
        """The saved values, compressed or not; empty if they cannot be found."""
        if self.values:
            return self.values
        compressed = [
            Span(file, region.start, region.stop)
            for file, data in self.files.items()
            for region in regions(data)
            if region.role is RegionRole.COMPRESSED_MEMBER
        ]
        longest = max((span.length for span in compressed), default=0)
        return tuple(span for span in compressed if 2 * span.length > longest)

    @functools.cached_property
    def structures(self) -> tuple[Span, ...]:
        """Everything else, in the order of files, divided where one structure ends and another begins."""
        spans: list[Span] = []
        for file, data in self.files.items():
            payload = [span for span in self.payload if span.file == file]
            for region in regions(data):
                cuts = [region.start]
                for span in payload:
                    if span.start < region.stop and span.stop > region.start:
                        cuts += [max(span.start, region.start), min(span.stop, region.stop)]
                cuts.append(region.stop)
                spans += [Span(file, start, stop) for start, stop in zip(cuts[::2], cuts[1::2], strict=True) if stop > start]
        return tuple(spans)

    def describe_byte(self, file: str, byte: int) -> str:
        """Describe what a byte belongs to. Return an empty string if that is unknown."""
        if any(span.file == file and span.start <= byte < span.stop for span in self.values):
            return "in the bytes of the saved values"
        for region in regions(self.files[file]):
            if region.start <= byte < region.stop and region.description:
                return f"in {region.description}"
        return ""


#: Snapshots by spec; a text is the reason for a missing one.
_SNAPSHOTS: CacheKey[Spec, Snapshot | str] = CacheKey("snapshots")


def take_snapshot(workspace: Workspace, spec: Spec) -> Snapshot:
    """Return the checkpoint of a spec, which is saved once.

    Raise EarlyResult if it cannot be saved, or if a copy in another folder is not restored, so that a damaged copy would prove nothing.
    Raise CannotBuild, CannotSerialize and WorkerDied.
    """
    cache = workspace.context.cache(_SNAPSHOTS)
    if spec not in cache:
        cache[spec] = _save(workspace, spec)
    found = cache[spec]
    if isinstance(found, str):
        raise EarlyResult(Observation(skipped=found))
    return found


def _save(workspace: Workspace, spec: Spec) -> Snapshot | str:
    folder = workspace.context.fresh_folder()
    path = folder / f"checkpoint{workspace.format.suffix}"
    try:
        workspace.remote.ask(questions.save, spec, str(path))
        snapshot = _read(path, workspace.remote.ask(blocks_of, spec))
    finally:
        # A checkpoint that refers to the folder in which it was saved must not find anything there.
        shutil.rmtree(folder, ignore_errors=True)
    copy = folder_for_copy(workspace)
    control = workspace.remote.observe(questions.load, spec, str(snapshot.write(copy)))
    shutil.rmtree(copy, ignore_errors=True)
    failure = control.skipped or control.unsafe or control.crashed or control.refused or control.unreadable
    wrong = [each for each in control.differences if each.lost or (each.aspect in CONTENT and each.verdict >= Verdict.CHANGED)]
    if failure or wrong:
        return f"the intact checkpoint, copied to another folder, is not restored in a worker: {failure or wrong[0]}"
    return snapshot


def folder_for_copy(workspace: Workspace) -> pathlib.Path:
    """Create a folder for one copy, with a name that no loader has seen before."""
    folder = workspace.folder / f"copy-{next(_COPIES)}"
    folder.mkdir()
    return folder


def _read(path: pathlib.Path, blocks: tuple[Block, ...]) -> Snapshot:
    files: dict[str, bytes] = {}
    folders: list[str] = []
    links: dict[str, str] = {}
    for owned in owned_by(path):
        for entry in sorted([owned, *owned.rglob("*")]) if owned.is_dir() and not owned.is_symlink() else [owned]:
            name = entry.relative_to(path.parent).as_posix()
            if entry.is_symlink():
                links[name] = os.readlink(entry)
            elif entry.is_dir():
                folders.append(name)
            elif entry.is_file():
                files[name] = entry.read_bytes()
    return Snapshot(path.name, files, tuple(folders), links, blocks)


def blocks_of(context: Context, spec: Spec) -> tuple[Block, ...]:
    """In a worker: return the bytes of every saved tensor, except those that are too short or have only equal elements."""
    with context.scope():
        subject = context.subject(spec)
        found = [_block(words) for words in words_in(subject, subject.build()) if words.nbytes >= _SHORTEST and np.ptp(words)]
        return tuple(dict.fromkeys(found))


def words_in(subject: Subject, obj: Any) -> list[Any]:
    """Return the words of every tensor in a tree or a model, as arrays of unsigned integers."""
    backend = subject.backend
    tensors = models_for(backend).read(obj).tensors.values() if subject.is_model else tensors_in(obj)
    readings = [backend.read(tensor) for tensor in tensors if backend.owns(tensor)]
    return [reading.words for reading in readings if reading.words is not None]


def _block(words: Any) -> Block:
    """Return the bytes in C and Fortran order, in both byte orders."""
    orders = dict.fromkeys(data for array in (words, words.byteswap()) for data in (array.tobytes("C"), array.tobytes("F")))
    return Block(tuple(words.shape), words.nbytes, tuple(orders))


def matching_files(snapshot: Snapshot, other: Snapshot) -> dict[str, str]:
    """Return which file of another checkpoint corresponds to each file of this one.

    It is the file of the same name. Some names are random; then it is a file of the same length in the same folder.
    """
    found = {file: file for file in snapshot.files if file in other.files}
    free = [file for file in other.files if file not in snapshot.files]
    for file in snapshot.files:
        if file in found:
            continue
        folder = file.rpartition("/")[0]
        size = len(snapshot.files[file])
        similar = [each for each in free if each.rpartition("/")[0] == folder and len(other.files[each]) == size]
        if similar:
            found[file] = similar[0]
            free.remove(similar[0])
    return found
