"""Plays the family `corruption`: a copy of an intact checkpoint is damaged, and a worker loads it. Facts only; nothing is judged here."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import shutil
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ...filetypes import members, rebuild
from ...specs import Appended, Damage, DamageCase, DamageSweep, Exchanged, Flipped, Missing, Spec, Spliced, Swapped, Truncated, Zeroed
from ...verdicts import Observation
from ..process.lifetime import seen
from ..registry import Workspace
from ..snapshot import Snapshot, fresh_copy, intact
from ..subject import any_of
from .cases import CASES, paired

if TYPE_CHECKING:
    from ..dispatch import Context

#: What becomes of files: their new content, or None for those that are gone; and what was done, in words.
_Change = tuple[dict[str, bytes | None], str]


class _Gone(Exception):
    """What was to be damaged is not there; the message says what."""


def damaged_ways(stage: Workspace, spec: DamageSweep) -> Iterable[Spec]:
    """The damaged copies that one spec stands for; itself where there are none."""
    whole = intact(stage, spec.saved)
    find, _ = CASES[spec.case]
    other = intact(stage, spec.other) if spec.other is not None else None
    found = [DamageCase(spec.saved, damage, spec.other) for damage in find(whole, other, spec.count)]
    return found or (spec,)


def no_ways(stage: Workspace, spec: DamageSweep) -> Observation:
    """Why there are none."""
    intact(stage, spec.saved)
    if spec.other is not None:
        intact(stage, spec.other)
    return Observation(skipped=CASES[spec.case][1])


def damaged(stage: Workspace, spec: DamageCase) -> Observation:
    """Damages a copy, and has it loaded."""
    whole = intact(stage, spec.saved)
    other = intact(stage, spec.other) if spec.other is not None else None
    try:
        changed, words = _DAMAGES[type(spec.damage)](whole, other, spec.damage)
    except _Gone as gone:
        return Observation(skipped=str(gone))
    folder = fresh_copy(stage)
    path = whole.put(folder, changed)
    if isinstance(spec.damage, Missing) and not spec.damage.member and spec.damage.file in whole.folders:
        shutil.rmtree(folder / spec.damage.file)
    stage.leave()
    if spec.other is None:
        found = stage.away.observe(seen, spec.saved, str(path))
    else:
        found = stage.away.observe(seen_as_one, (spec.saved, spec.other), str(path))
    return _told(found, words)


def seen_as_one(trials: Context, specs: tuple[Spec, ...], path: str) -> Observation:
    """Asked in a worker: loads what may be the checkpoint of any of several specs, and compares with the nearest."""
    with trials.scope():
        return any_of([trials.subject(spec) for spec in specs], pathlib.Path(path))


def _told(found: Observation, words: str) -> Observation:
    """The same facts, and what was done to the files."""
    if found.crashed is not None:
        return dataclasses.replace(found, crashed=f"{words}: {found.crashed}")
    return dataclasses.replace(found, note=words) if found.differences else found


def _data(whole: Snapshot, file: str) -> bytes:
    if file not in whole.files:
        raise _Gone(f"the checkpoint has no file {file!r} any more; it has {', '.join(map(repr, whole.files))}")
    return whole.files[file]


def _cut(whole: Snapshot, other: Snapshot | None, damage: Truncated) -> _Change:
    data = _data(whole, damage.file)
    place = whole.place(damage.file, damage.size) if damage.size < len(data) else ""
    words = f"{damage.file} ends after {damage.size} of {len(data)} bytes" if damage.size else f"{damage.file} is empty"
    return {damage.file: data[: damage.size]}, _joined(words, place if damage.size else "")


def _joined(words: str, place: str) -> str:
    return f"{words}, {place}" if place else words


def _flip(whole: Snapshot, other: Snapshot | None, damage: Flipped) -> _Change:
    data = bytearray(_data(whole, damage.file))
    if damage.byte >= len(data):
        raise _Gone(f"{damage.file} has only {len(data)} bytes")
    data[damage.byte] ^= 1 << damage.bit
    return {damage.file: bytes(data)}, _joined(
        f"bit {damage.bit} of byte {damage.byte} of {damage.file} is flipped", whole.place(damage.file, damage.byte)
    )


def _zero(whole: Snapshot, other: Snapshot | None, damage: Zeroed) -> _Change:
    data = _data(whole, damage.file)
    stop = min(damage.stop, len(data))
    zeroed = data[: damage.start] + bytes(max(0, stop - damage.start)) + data[stop:]
    words = f"the bytes {damage.start} to {stop} of {damage.file} are zero"
    return {damage.file: zeroed}, _joined(words, _first_place(whole, damage.file, damage.start, stop))


def _first_place(whole: Snapshot, file: str, start: int, stop: int) -> str:
    """What stands between two places, in words: saved values, if any do."""
    values = next((span.start for span in whole.values if span.file == file and span.start < stop and span.stop > start), start)
    return whole.place(file, max(start, values))


def _swap(whole: Snapshot, other: Snapshot | None, damage: Swapped) -> _Change:
    data, size = bytearray(_data(whole, damage.file)), damage.size
    if max(damage.first, damage.second) + size > len(data):
        raise _Gone(f"{damage.file} has only {len(data)} bytes")
    first, second = slice(damage.first, damage.first + size), slice(damage.second, damage.second + size)
    data[first], data[second] = data[second], data[first]
    words = f"the {size} bytes at {damage.first} and those at {damage.second} of {damage.file} are exchanged"
    return {damage.file: bytes(data)}, _joined(words, _first_place(whole, damage.file, damage.first, damage.first + size))


def _append(whole: Snapshot, other: Snapshot | None, damage: Appended) -> _Change:
    data = _data(whole, damage.file)
    more = _MORE[damage.content](data, damage.size)
    what = "its own bytes once more" if damage.content == "again" else f"{damage.size} bytes of {damage.content}"
    return {damage.file: data + more}, f"{damage.file} has {what} behind its end"


_MORE: dict[str, Callable[[bytes, int], bytes]] = {
    "zeros": lambda data, size: bytes(size),
    "noise": lambda data, size: hashlib.shake_128(b"noise").digest(size),
    "again": lambda data, size: data[:size],
}


def _miss(whole: Snapshot, other: Snapshot | None, damage: Missing) -> _Change:
    if damage.file in whole.folders:
        gone: dict[str, bytes | None] = {file: None for file in whole.files if file.startswith(f"{damage.file}/")}
        return gone, f"the folder {damage.file} is not there, with what was in it"
    data = _data(whole, damage.file)
    if not damage.member:
        return {damage.file: None}, f"{damage.file} is not there"
    if damage.member not in members(data):
        raise _Gone(f"{damage.file} has no member {damage.member!r}")
    return {damage.file: rebuild(data, {damage.member: None})}, f"{damage.file} is without its member {damage.member!r}"


def _theirs(whole: Snapshot, other: Snapshot | None, file: str) -> tuple[bytes, bytes]:
    """A file of this checkpoint and that of the other one which stands for it."""
    assert other is not None
    mine, pairs = _data(whole, file), paired(whole, other)
    if file not in pairs:
        raise _Gone(f"the other checkpoint has no file for {file!r}")
    return mine, other.files[pairs[file]]


def _exchange(whole: Snapshot, other: Snapshot | None, damage: Exchanged) -> _Change:
    mine, theirs = _theirs(whole, other, damage.file)
    if not damage.member:
        return {damage.file: theirs}, f"{damage.file} is that of another checkpoint"
    if damage.member not in members(theirs) or damage.member not in members(mine):
        raise _Gone(f"{damage.file} has no member {damage.member!r}")
    made = rebuild(mine, {damage.member: members(theirs)[damage.member]})
    return {damage.file: made}, f"the member {damage.member!r} of {damage.file} is that of another checkpoint"


def _splice(whole: Snapshot, other: Snapshot | None, damage: Spliced) -> _Change:
    mine, theirs = _theirs(whole, other, damage.file)
    words = f"{damage.file} is that of another checkpoint from byte {damage.at} on"
    return {damage.file: mine[: damage.at] + theirs[damage.at :]}, _joined(words, whole.place(damage.file, min(damage.at, len(mine) - 1)))


#: By the type of a damage: what it does.
_DAMAGES: dict[type[Damage], Callable[[Snapshot, Snapshot | None, Any], _Change]] = {
    Truncated: _cut, Flipped: _flip, Zeroed: _zero, Swapped: _swap, Appended: _append, Missing: _miss, Exchanged: _exchange,
    Spliced: _splice,
}  # fmt: skip
