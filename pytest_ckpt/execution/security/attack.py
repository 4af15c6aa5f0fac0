"""Make a copy of a checkpoint hostile, load it in a worker, and observe what loading does.

Everything that an attack aims at is inside the folder of the example. The loader's current directory and its folder for temporary files
are in there as well, several levels deep, so a name that leads out of them does not lead out of the example's folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterable, Iterator

from ...specs import AttackCase, AttackSweep, Spec
from ...verdicts import Observation
from ...workers.memory import peak_near_limit
from ..context import CacheKey, Context, Workspace
from ..snapshot import blocks_of, folder_for_copy, take_snapshot, words_in
from ..user_code import EarlyResult, call_user_code, inspect_loaded
from .attacks import CASES, INSIDE, TOKEN, UNWANTED, Attack, Site

#: The most seconds that loading a hostile file may take. The format's own limit may be lower.
SECONDS = 20.0
#: How deep the folders are that names with ``..`` lead out of.
_DEEP = pathlib.PurePath("a/b/c")
_NONE = "the checkpoint's files have nothing that this attack can change"

#: The attacks on a checkpoint by their specs, for a check, a spec and another spec of the same structure.
_ATTACKS: CacheKey[tuple[str, Spec, Spec | None], dict[AttackCase, Attack]] = CacheKey("attacks")


def expand(workspace: Workspace, sweep: AttackSweep) -> Iterable[Spec]:
    """Return one spec for each hostile copy; or the sweep itself if no attack applies."""
    return list(_attacks(workspace, sweep)) or (sweep,)


def run_sweep(workspace: Workspace, sweep: AttackSweep) -> Observation:
    """Return the reason why there are no hostile copies. Raise EarlyResult."""
    _attacks(workspace, sweep)
    return Observation(skipped=_NONE)


def _attacks(workspace: Workspace, spec: AttackSweep | AttackCase) -> dict[AttackCase, Attack]:
    """Return the attacks on a checkpoint, which are prepared once."""
    key = (spec.case, spec.saved, spec.other)
    cache = workspace.context.cache(_ATTACKS)
    if key not in cache:
        snapshot = take_snapshot(workspace, spec.saved)
        other = take_snapshot(workspace, spec.other) if spec.other is not None else None
        cache[key] = {
            AttackCase(spec.case, attack.way, attack.file, spec.saved, attack.member, spec.other): attack
            for attack in CASES[spec.case](snapshot, other)
        }
    return cache[key]


def run_case(workspace: Workspace, case: AttackCase) -> Observation:
    """Write the hostile copy, load it in a worker, and check what happened to the folder."""
    attack = _attacks(workspace, case).get(case)
    if attack is None:
        return Observation(skipped="the checkpoint no longer has the part that this attack changes")
    snapshot = take_snapshot(workspace, case.saved)
    site = _prepare(workspace, attack)
    path = snapshot.write(site.checkpoint, {attack.file: attack.make(site)})
    before = _outside(site)
    folders = {entry for entry in workspace.folder.rglob("*") if entry.is_dir()}
    workspace.keep()
    seconds = min(SECONDS, workspace.format.time_limit)
    found = workspace.remote.observe(load_hostile, case, str(path), str(workspace.folder), seconds=seconds)
    where = f"{attack.file}, member {attack.member!r}" if attack.member else attack.file
    description = f"{where}: {attack.way}"
    if effect := _effect(workspace.folder, site, before, folders) or found.unsafe:
        return Observation(unsafe=f"{description}: {effect}")
    if found.crashed is not None:
        return dataclasses.replace(found, crashed=f"{description}: {found.crashed}")
    return dataclasses.replace(found, note=description) if found.differences else found


def _prepare(workspace: Workspace, attack: Attack) -> Site:
    for name in ("temporary", "current"):
        (workspace.folder / name / _DEEP).mkdir(parents=True)
    checkpoint = folder_for_copy(workspace) / _DEEP
    checkpoint.mkdir(parents=True)
    outside = workspace.folder / "outside"
    outside.mkdir()
    (outside / "neighbour").write_bytes(b"somebody else's")
    for name, content in attack.beside.items():
        (outside / name).write_bytes(content)
    return Site(outside, checkpoint)


def _outside(site: Site) -> dict[str, bytes | None]:
    """Return the files outside the checkpoint with their bytes; None for folders."""
    return {
        entry.relative_to(site.outside).as_posix(): entry.read_bytes() if entry.is_file() else None
        for entry in sorted(site.outside.rglob("*"))
    }


def _effect(folder: pathlib.Path, site: Site, before: dict[str, bytes | None], folders: set[pathlib.Path]) -> str | None:
    """Describe a forbidden effect of loading; None if there was no such effect.

    ``before`` are the files outside before loading, and ``folders`` all folders that existed.
    """
    after = _outside(site)
    if TOKEN in after and after[TOKEN] is None:
        return "loading ran the code in the file"
    for name in sorted({*before, *after}):
        if before.get(name, b"") != after.get(name, b"") or (name in before) is not (name in after):
            verb = "created" if name not in before else "removed" if name not in after else "changed"
            return f"loading {verb} the file {name!r} outside the checkpoint"
    # Files next to the members of an archive show where it was unpacked. Without them, it is where no folder existed before.
    tops = {inside.parents[int(inside.name.removeprefix(INSIDE).split("-")[0])] for inside in folder.rglob(f"{INSIDE}*")}
    for entry in folder.rglob(f"{TOKEN}*"):
        if not any(entry.is_relative_to(top) for top in tops) if tops else entry.parent in folders:
            return "loading created a file outside the folder into which the archive was unpacked"
    return None


def load_hostile(context: Context, case: AttackCase, path: str, folder: str) -> Observation:
    """In a worker: load, read everything that was loaded, and return what could be observed in the process."""
    sys.modules.pop(UNWANTED, None)
    with context.scope():
        foreign = _foreign_bytes(context, case)
        with _inside(pathlib.Path(folder)):
            found = _load(context, case, pathlib.Path(path), foreign)
    if sys.modules.pop(UNWANTED, None) is not None:
        return Observation(unsafe=f"loading imported the module {UNWANTED!r}, which the file names")
    if (used := peak_near_limit()) is not None and case.case == "security/bomb" and found.unreadable is not None:
        text = f"load used {used >> 20} MiB for a file with almost no content, and then raised {found.unreadable}"
        return Observation(crashed=text)
    return found


def _foreign_bytes(context: Context, case: AttackCase) -> frozenset[bytes]:
    """Return the bytes of the tensors that exist only outside the checkpoint."""
    if case.other is None:
        return frozenset()
    own, others = ({order for block in blocks_of(context, each) for order in block.orders} for each in (case.saved, case.other))
    return frozenset(others - own)


def _load(context: Context, case: AttackCase, path: pathlib.Path, foreign: frozenset[bytes]) -> Observation:
    format, subject = context.format, context.subject(case.saved)
    if format.update_checksums is not None:
        # A file that it cannot read remains unchanged.
        with contextlib.suppress(EarlyResult):
            call_user_code("load", format.update_checksums, path)
    try:
        loaded = subject.load(path)
        if case.case == "security/bomb":
            return Observation()  # Values that are read only on access have cost nothing yet.
        differences = tuple(subject.differences(loaded))
        arrays = call_user_code("load", inspect_loaded, words_in, subject, loaded) if foreign else []
        if any(each.tobytes() in foreign for each in arrays):
            return Observation(unsafe="the loaded values are those of a file outside the checkpoint")
    except EarlyResult as early:
        return early.observation
    return Observation(differences=differences if case.case == "security/overlap" else ())


@contextlib.contextmanager
def _inside(folder: pathlib.Path) -> Iterator[None]:
    """Use a current directory and a folder for temporary files inside the example's folder."""
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
