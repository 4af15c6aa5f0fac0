"""A checkpoint that is whole, as bytes: saved once, by a worker, and put down again as often as somebody wants to spoil a copy.

Knows which bytes are those of the saved values. Facts only; nothing is judged here.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compare.trees import tensors_in
from ..filetypes import RegionRole, regions
from ..specs import Spec
from ..verdicts import Observation, Verdict
from .model import models_for
from .process.lifetime import saved, seen
from .registry import Workspace
from .subject import Subject
from .user_code import Failed, owned_by

if TYPE_CHECKING:
    from .dispatch import Context

#: Aspects in which the intact checkpoint has to come back before a damaged one says anything.
CONTENT = ("values", "nan-payload", "dtype", "shape", "keys")
#: Fewer bytes than these are found by chance.
_LEAST = 4
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
    """A tensor of some ``shape``: its ``size`` in bytes, and what these are, in each of the ``orders`` in which they may be written."""

    shape: tuple[int, ...]
    size: int
    orders: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The ``files`` of a checkpoint, its ``folders`` and symbolic ``links``, all by their names below the folder that it was saved in;
    its own is ``name``. ``blocks`` are its tensors."""

    name: str
    files: Mapping[str, bytes]
    folders: tuple[str, ...]
    links: Mapping[str, str]
    blocks: tuple[Block, ...]

    def put(self, folder: pathlib.Path, changed: Mapping[str, bytes | None] | None = None) -> pathlib.Path:
        """Writes it into a folder, with other files in place of those ``changed``, or without them where there is None; the path."""
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
        """Where the bytes of the saved values stand, in every file."""
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
        """Where the saved values stand, compressed or not; empty where nobody can tell."""
        if self.values:
            return self.values
        compressed = [
            Span(file, region.start, region.stop)
            for file, data in self.files.items()
            for region in regions(data)
            if region.role is RegionRole.COMPRESSED_MEMBER
        ]
        most = max((span.length for span in compressed), default=0)
        return tuple(span for span in compressed if 2 * span.length > most)

    @functools.cached_property
    def structures(self) -> tuple[Span, ...]:
        """Everything else, in the order of files, cut where one structure ends and another begins."""
        spans: list[Span] = []
        for file, data in self.files.items():
            taken = [span for span in self.payload if span.file == file]
            for region in regions(data):
                cuts = [region.start]
                for span in taken:
                    if span.start < region.stop and span.stop > region.start:
                        cuts += [max(span.start, region.start), min(span.stop, region.stop)]
                cuts.append(region.stop)
                spans += [Span(file, start, stop) for start, stop in zip(cuts[::2], cuts[1::2], strict=True) if stop > start]
        return tuple(spans)

    def place(self, file: str, byte: int) -> str:
        """What stands at a byte, in words."""
        if any(span.file == file and span.start <= byte < span.stop for span in self.values):
            return "in the bytes of the saved values"
        for region in regions(self.files[file]):
            if region.start <= byte < region.stop and region.description:
                return f"in {region.description}"
        return ""


def intact(stage: Workspace, spec: Spec) -> Snapshot:
    """The checkpoint of a spec; saved once. Raises Failed where there is none, or where it does not come back from another folder,
    so that a damaged one would show nothing. Raises CannotBuild, CannotTravel, Died."""
    kept = stage.trials.kept
    if ("intact", spec) not in kept:
        kept["intact", spec] = _saved(stage, spec)
    found = kept["intact", spec]
    if isinstance(found, str):
        raise Failed(Observation(skipped=found))
    assert isinstance(found, Snapshot)
    return found


def _saved(stage: Workspace, spec: Spec) -> Snapshot | str:
    folder = stage.trials.fresh_folder()
    path = folder / f"checkpoint{stage.trials.format.suffix}"
    try:
        stage.away.ask(saved, spec, str(path))
        found = _read(path, stage.away.ask(blocks_of, spec))
    finally:
        # Whatever still refers to where it was saved finds nothing there.
        shutil.rmtree(folder, ignore_errors=True)
    copy = fresh_copy(stage)
    control = stage.away.observe(seen, spec, str(found.put(copy)))
    shutil.rmtree(copy, ignore_errors=True)
    said = control.skipped or control.unsafe or control.crashed or control.refused or control.unreadable
    wrong = [each for each in control.differences if each.lost or (each.aspect in CONTENT and each.verdict >= Verdict.CHANGED)]
    if said or wrong:
        return f"the intact checkpoint does not come back from another folder, in a worker: {said or wrong[0]}"
    return found


def fresh_copy(stage: Workspace) -> pathlib.Path:
    """A folder for one copy, under a name that no loader has seen before."""
    folder = stage.folder / f"copy-{next(_COPIES)}"
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


def blocks_of(trials: Context, spec: Spec) -> tuple[Block, ...]:
    """Asked in a worker: the bytes of every tensor that is saved, but for those that are too short, or all alike."""
    with trials.scope():
        subject = trials.subject(spec)
        found = [_block(words) for words in words_in(subject, subject.build()) if words.nbytes >= _LEAST and np.ptp(words)]
        return tuple(dict.fromkeys(found))


def words_in(subject: Subject, thing: Any) -> list[Any]:
    """The words of every tensor in a tree or a model."""
    backend = subject.backend
    tensors = models_for(backend).read(thing).tensors.values() if subject.is_model else tensors_in(thing)
    readings = [backend.read(tensor) for tensor in tensors if backend.owns(tensor)]
    return [reading.words for reading in readings if reading.words is not None]


def _block(words: Any) -> Block:
    """By rows and by columns, lowest byte first and highest byte first."""
    orders = dict.fromkeys(data for array in (words, words.byteswap()) for data in (array.tobytes("C"), array.tobytes("F")))
    return Block(tuple(words.shape), words.nbytes, tuple(orders))


__all__ = ["CONTENT", "Block", "Snapshot", "Span", "blocks_of", "fresh_copy", "intact", "words_in"]
