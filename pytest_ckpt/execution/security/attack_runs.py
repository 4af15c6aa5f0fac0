"""Plays the family `security`: a copy of a checkpoint is made hostile, and a worker loads it. Facts only; nothing is judged here.

Everything that an attack aims at lies in the folder of the trial, where the loader's current directory and its folder for temporary
files are as well: what leads out of those does not lead out of that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...specs import AttackCase, AttackSweep, Spec
from ...verdicts import Observation
from ...workers.memory import peak_near_limit
from ..registry import Workspace
from ..snapshot import Snapshot, blocks_of, fresh_copy, intact, words_in
from ..user_code import Failed, attempt, inspected
from .attacks import CASES, INSIDE, TOKEN, UNWANTED, Attack, Ground

if TYPE_CHECKING:
    from ..dispatch import Context

#: Seconds that loading a hostile file may take, where the format's own limit is not lower.
SECONDS = 20.0
#: How deep the folders lie that names with ``..`` lead out of.
_DEEP = pathlib.PurePath("a/b/c")
_NONE = "nothing in the checkpoint's files is of a kind that this can be asked of"


def attacked_ways(stage: Workspace, spec: AttackSweep) -> Iterable[Spec]:
    """The hostile copies that one spec stands for; itself where there are none."""
    return list(_attacks(stage, spec.case, spec.saved, spec.other)) or (spec,)


def no_attacks(stage: Workspace, spec: AttackSweep) -> Observation:
    """Why there are none."""
    _attacks(stage, spec.case, spec.saved, spec.other)
    return Observation(skipped=_NONE)


def _attacks(stage: Workspace, case: str, saved: Spec, other: Spec | None) -> dict[AttackCase, Attack]:
    """The attacks by the specs that name them, made up once for a checkpoint."""
    key = ("attacks", case, saved, other)
    if key not in stage.trials.kept:
        whole = intact(stage, saved)
        theirs = intact(stage, other) if other is not None else None
        stage.trials.kept[key] = {
            AttackCase(case, attack.way, attack.file, saved, attack.member, other): attack for attack in CASES[case](whole, theirs)
        }
    found: dict[AttackCase, Attack] = stage.trials.kept[key]
    return found


def attacked(stage: Workspace, spec: AttackCase) -> Observation:
    """Makes the hostile copy, has it loaded, and looks at what has become of the folder."""
    attack = _attacks(stage, spec.case, spec.saved, spec.other).get(spec)
    if attack is None:
        return Observation(skipped="the checkpoint has nothing any more of which this could be made")
    whole = intact(stage, spec.saved)
    ground = _prepared(stage, attack, whole)
    path = whole.put(ground.checkpoint, {attack.file: attack.make(ground)})
    before = _outside(ground)
    stood = {entry for entry in stage.folder.rglob("*") if entry.is_dir()}
    stage.leave()
    seconds = min(SECONDS, stage.trials.format.time_limit)
    found = stage.away.observe(loaded, spec, str(path), str(stage.folder), seconds=seconds)
    where = f"{attack.file}, member {attack.member!r}" if attack.member else attack.file
    words = f"{where}: {attack.way}"
    if happened := _happened(stage.folder, ground, before, stood) or found.unsafe:
        return Observation(unsafe=f"{words}: {happened}")
    if found.crashed is not None:
        return dataclasses.replace(found, crashed=f"{words}: {found.crashed}")
    return dataclasses.replace(found, note=words) if found.differences else found


def _prepared(stage: Workspace, attack: Attack, whole: Snapshot) -> Ground:
    for name in ("temporary", "current"):
        (stage.folder / name / _DEEP).mkdir(parents=True)
    checkpoint = fresh_copy(stage) / _DEEP
    checkpoint.mkdir(parents=True)
    outside = stage.folder / "outside"
    outside.mkdir()
    (outside / "neighbour").write_bytes(b"somebody else's")
    for name, content in attack.beside.items():
        (outside / name).write_bytes(content)
    return Ground(outside, checkpoint)


def _outside(ground: Ground) -> dict[str, bytes | None]:
    """What stands outside of the checkpoint; folders as None."""
    return {
        entry.relative_to(ground.outside).as_posix(): entry.read_bytes() if entry.is_file() else None
        for entry in sorted(ground.outside.rglob("*"))
    }


def _happened(folder: pathlib.Path, ground: Ground, before: dict[str, bytes | None], stood: set[pathlib.Path]) -> str | None:
    """What loading has done that no loader should, in words; ``before`` stood outside, and these folders ``stood`` everywhere."""
    after = _outside(ground)
    if TOKEN in after and after[TOKEN] is None:
        return "loading ran the code in the file"
    for name in sorted({*before, *after}):
        if before.get(name, b"") != after.get(name, b"") or (name in before) is not (name in after):
            done = "made" if name not in before else "removed" if name not in after else "changed"
            return f"loading {done} the file {name!r} outside of the checkpoint"
    # What an archive has beside it shows where it was unpacked to; where nothing does, it is where there was no folder before.
    tops = {inside.parents[int(inside.name.removeprefix(INSIDE).split("-")[0])] for inside in folder.rglob(f"{INSIDE}*")}
    for entry in folder.rglob(f"{TOKEN}*"):
        if not any(entry.is_relative_to(top) for top in tops) if tops else entry.parent in stood:
            return "loading made a file outside of the folder that the archive was unpacked to"
    return None


def loaded(trials: Context, spec: AttackCase, path: str, folder: str) -> Observation:
    """Asked in a worker: loads, looks at all of what came back, and tells what could be seen in the process."""
    sys.modules.pop(UNWANTED, None)
    with trials.scope():
        foreign = _foreign(trials, spec)
        with _surrounded(pathlib.Path(folder)):
            found = _loaded(trials, spec, pathlib.Path(path), foreign)
    if sys.modules.pop(UNWANTED, None) is not None:
        return Observation(unsafe=f"loading imported the module {UNWANTED!r}, which the file names")
    if (took := peak_near_limit()) is not None and spec.case == "security/bomb" and found.unreadable is not None:
        return Observation(crashed=f"load took {took >> 20} MiB for a file that holds next to nothing, and then raised {found.unreadable}")
    return found


def _foreign(trials: Context, spec: AttackCase) -> frozenset[bytes]:
    """The bytes of the tensors that stand outside, and nowhere in the checkpoint."""
    if spec.other is None:
        return frozenset()
    mine, theirs = ({order for block in blocks_of(trials, each) for order in block.orders} for each in (spec.saved, spec.other))
    return frozenset(theirs - mine)


def _loaded(trials: Context, spec: AttackCase, path: pathlib.Path, foreign: frozenset[bytes]) -> Observation:
    format, subject = trials.format, trials.subject(spec.saved)
    if format.update_checksums is not None:
        # What it cannot read is hostile as it is.
        with contextlib.suppress(Failed):
            attempt("load", format.update_checksums, path)
    try:
        came = subject.load(path)
        if spec.case == "security/bomb":
            return Observation()  # what is read only when somebody looks at it has cost nothing yet
        differences = tuple(subject.differences(came))
        words = attempt("load", inspected, words_in, subject, came) if foreign else []
        if any(each.tobytes() in foreign for each in words):
            return Observation(unsafe="what came back stands in a file outside of the checkpoint")
    except Failed as failed:
        return failed.seen
    return Observation(differences=differences if spec.case == "security/overlap" else ())


@contextlib.contextmanager
def _surrounded(folder: pathlib.Path) -> Iterator[None]:
    """Current directory and folder for temporary files within the trial's own."""
    before, directory, variable = os.getcwd(), tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = str(folder / "temporary" / _DEEP)
    os.environ["TMPDIR"] = tempfile.tempdir
    os.chdir(folder / "current" / _DEEP)
    try:
        yield
    finally:
        os.chdir(before)
        tempfile.tempdir = directory
        os.environ.pop("TMPDIR")
        if variable is not None:
            os.environ["TMPDIR"] = variable


__all__ = ["SECONDS", "attacked", "attacked_ways", "loaded", "no_attacks"]
