"""Damage a copy of an intact checkpoint, and load it in a worker."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterable
from typing import Any

from ...filetypes import members, rebuild
from ...specs import Appended, Damage, DamageCase, DamageSweep, Exchanged, Flipped, Missing, Spec, Spliced, Swapped, Truncated, Zeroed
from ...verdicts import Observation
from .. import questions
from ..context import Workspace
from ..snapshot import Snapshot, folder_for_copy, matching_files, take_snapshot
from .places import CASES

#: New contents of files, or None for files to remove; and a description of the damage.
_Change = tuple[dict[str, bytes | None], str]


class _NotFound(Exception):
    """Raised when the part to damage does not exist in this checkpoint."""


def expand(workspace: Workspace, sweep: DamageSweep) -> Iterable[Spec]:
    """Return one spec for each damaged copy; or the sweep itself if no damage is possible."""
    snapshot, other = _snapshots(workspace, sweep)
    found = [DamageCase(sweep.saved, damage, sweep.other) for damage in CASES[sweep.case].find(snapshot, other, sweep.count)]
    return found or (sweep,)


def run_sweep(workspace: Workspace, sweep: DamageSweep) -> Observation:
    """Return the reason for a sweep without damaged copies. Raise EarlyResult."""
    _snapshots(workspace, sweep)
    return Observation(skipped=CASES[sweep.case].reason_if_none)


def run_case(workspace: Workspace, case: DamageCase) -> Observation:
    """Damage a copy, and load it. Raise EarlyResult."""
    snapshot, other = _snapshots(workspace, case)
    try:
        changed, description = _DAMAGES[type(case.damage)](snapshot, other, case.damage)
    except _NotFound as error:
        return Observation(skipped=str(error))
    folder = folder_for_copy(workspace)
    path = snapshot.write(folder, changed)
    if isinstance(case.damage, Missing) and not case.damage.member and case.damage.file in snapshot.folders:
        shutil.rmtree(folder / case.damage.file)
    workspace.keep()
    if case.other is None:
        found = workspace.remote.observe(questions.load, case.saved, str(path))
    else:
        found = workspace.remote.observe(questions.load_any, (case.saved, case.other), str(path))
    if found.crashed is not None:
        return dataclasses.replace(found, crashed=f"{description}: {found.crashed}")
    return dataclasses.replace(found, note=description) if found.differences else found


def _snapshots(workspace: Workspace, spec: DamageSweep | DamageCase) -> tuple[Snapshot, Snapshot | None]:
    return take_snapshot(workspace, spec.saved), take_snapshot(workspace, spec.other) if spec.other is not None else None


def _data(snapshot: Snapshot, file: str) -> bytes:
    if file not in snapshot.files:
        raise _NotFound(f"the checkpoint has no file {file!r} any more; it has {', '.join(map(repr, snapshot.files))}")
    return snapshot.files[file]


def _join(description: str, place: str) -> str:
    return f"{description}, {place}" if place else description


def _truncate(snapshot: Snapshot, other: Snapshot | None, damage: Truncated) -> _Change:
    data = _data(snapshot, damage.file)
    if not damage.size:
        return {damage.file: b""}, f"{damage.file} is empty"
    place = snapshot.describe_byte(damage.file, damage.size) if damage.size < len(data) else ""
    return {damage.file: data[: damage.size]}, _join(f"{damage.file} ends after {damage.size} of {len(data)} bytes", place)


def _flip(snapshot: Snapshot, other: Snapshot | None, damage: Flipped) -> _Change:
    data = bytearray(_data(snapshot, damage.file))
    if damage.byte >= len(data):
        raise _NotFound(f"{damage.file} has only {len(data)} bytes")
    data[damage.byte] ^= 1 << damage.bit
    description = f"bit {damage.bit} of byte {damage.byte} of {damage.file} is flipped"
    return {damage.file: bytes(data)}, _join(description, snapshot.describe_byte(damage.file, damage.byte))


def _zero(snapshot: Snapshot, other: Snapshot | None, damage: Zeroed) -> _Change:
    data = _data(snapshot, damage.file)
    stop = min(damage.stop, len(data))
    zeroed = data[: damage.start] + bytes(max(0, stop - damage.start)) + data[stop:]
    description = f"the bytes {damage.start} to {stop} of {damage.file} are zero"
    return {damage.file: zeroed}, _join(description, _describe_range(snapshot, damage.file, damage.start, stop))


def _describe_range(snapshot: Snapshot, file: str, start: int, stop: int) -> str:
    """Describe a range of bytes: saved values, if it contains any."""
    values = next((span.start for span in snapshot.values if span.file == file and span.start < stop and span.stop > start), start)
    return snapshot.describe_byte(file, max(start, values))


def _swap(snapshot: Snapshot, other: Snapshot | None, damage: Swapped) -> _Change:
    data, size = bytearray(_data(snapshot, damage.file)), damage.size
    if max(damage.first, damage.second) + size > len(data):
        raise _NotFound(f"{damage.file} has only {len(data)} bytes")
    first, second = slice(damage.first, damage.first + size), slice(damage.second, damage.second + size)
    data[first], data[second] = data[second], data[first]
    description = f"the {size} bytes at {damage.first} and those at {damage.second} of {damage.file} are swapped"
    return {damage.file: bytes(data)}, _join(description, _describe_range(snapshot, damage.file, damage.first, damage.first + size))


def _append(snapshot: Snapshot, other: Snapshot | None, damage: Appended) -> _Change:
    data = _data(snapshot, damage.file)
    content = "its own bytes again" if damage.content == "again" else f"{damage.size} bytes of {damage.content}"
    return {damage.file: data + _APPENDED[damage.content](data, damage.size)}, f"{damage.file} has {content} after its end"


_APPENDED: dict[str, Callable[[bytes, int], bytes]] = {
    "zeros": lambda data, size: bytes(size),
    "noise": lambda data, size: hashlib.shake_128(b"noise").digest(size),
    "again": lambda data, size: data[:size],
}


def _remove(snapshot: Snapshot, other: Snapshot | None, damage: Missing) -> _Change:
    if damage.file in snapshot.folders:
        removed: dict[str, bytes | None] = {file: None for file in snapshot.files if file.startswith(f"{damage.file}/")}
        return removed, f"the folder {damage.file} is missing"
    data = _data(snapshot, damage.file)
    if not damage.member:
        return {damage.file: None}, f"{damage.file} is missing"
    if damage.member not in members(data):
        raise _NotFound(f"{damage.file} has no member {damage.member!r}")
    return {damage.file: rebuild(data, {damage.member: None})}, f"the member {damage.member!r} of {damage.file} is missing"


def _both(snapshot: Snapshot, other: Snapshot | None, file: str) -> tuple[bytes, bytes]:
    """Return a file of this checkpoint, and the file of the other one that corresponds to it."""
    assert other is not None
    data, pairs = _data(snapshot, file), matching_files(snapshot, other)
    if file not in pairs:
        raise _NotFound(f"the other checkpoint has no file that corresponds to {file!r}")
    return data, other.files[pairs[file]]


def _exchange(snapshot: Snapshot, other: Snapshot | None, damage: Exchanged) -> _Change:
    data, other_data = _both(snapshot, other, damage.file)
    if not damage.member:
        return {damage.file: other_data}, f"{damage.file} is that of another checkpoint"
    if damage.member not in members(other_data) or damage.member not in members(data):
        raise _NotFound(f"{damage.file} has no member {damage.member!r}")
    mixed = rebuild(data, {damage.member: members(other_data)[damage.member]})
    return {damage.file: mixed}, f"the member {damage.member!r} of {damage.file} is that of another checkpoint"


def _splice(snapshot: Snapshot, other: Snapshot | None, damage: Spliced) -> _Change:
    data, other_data = _both(snapshot, other, damage.file)
    description = f"{damage.file} is that of another checkpoint from byte {damage.at} on"
    place = snapshot.describe_byte(damage.file, min(damage.at, len(data) - 1))
    return {damage.file: data[: damage.at] + other_data[damage.at :]}, _join(description, place)


#: By the type of a damage: the function that does it.
_DAMAGES: dict[type[Damage], Callable[[Snapshot, Snapshot | None, Any], _Change]] = {
    Truncated: _truncate, Flipped: _flip, Zeroed: _zero, Swapped: _swap, Appended: _append, Missing: _remove, Exchanged: _exchange,
    Spliced: _splice,
}  # fmt: skip
