"""Scenes of the family `files` about what stands at the path, and beside it: saving over something, neighbours, size on disk."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from ...specs import NamedScenario
from ...verdicts import Observation
from ..observations import checkpoint_at, content_of, harm, is_whole, own_folder, saved_over
from ..process.lifetime import payload_in
from ..registry import Workspace, plays
from ..user_code import Failed, size_on_disk

#: What a file holds that no format has written.
FOREIGN = b"this file is none of yours\n" * 40
#: Bytes of names, headers and alignment that are agreed to beside one and a half times the values.
OVERHEAD = 1 << 16
#: How often one thing is saved at one path to see whether the file grows.
TIMES = 3
#: How often something else was saved at a path before: as text, 10 is less than 9, and some formats keep only the last few.
BEFORE = 10


@plays("files/overwrite-smaller")
@plays("files/overwrite-other-structure")
def overwrite(stage: Workspace, scene: NamedScenario) -> Observation:
    """One is saved over another, where the scene says so for the twelfth time."""
    old, new = stage.subject(scene.other), stage.subject(scene.saved)
    for turn in range(BEFORE if scene.how else 0):
        (old, new)[turn % 2].save(stage.path)
    return saved_over(stage, old, new, stage.path)


def _file(path: pathlib.Path) -> None:
    path.write_bytes(FOREIGN)


def _folder(path: pathlib.Path) -> None:
    path.mkdir()
    (path / "theirs.txt").write_bytes(FOREIGN)


#: What a scene finds at the path, by what it calls that.
_OTHERS: dict[str, Callable[[pathlib.Path], None]] = {
    "a foreign file": _file,
    "a folder with a foreign file": _folder,
    "an empty folder": pathlib.Path.mkdir,
}


@plays("files/overwrite-other-kind")
def overwrite_other_kind(stage: Workspace, scene: NamedScenario) -> Observation:
    """A tree of another kind is saved over, or something that is no checkpoint; of that nothing may be gone if save raises."""
    if scene.other is not None:
        return overwrite(stage, scene)
    subject = stage.subject(scene.saved)
    _OTHERS[scene.how](stage.path)
    before = checkpoint_at(stage.path)
    try:
        subject.save(stage.path)
    except Failed as failed:
        found = harm(before, checkpoint_at(stage.path), f"after save has raised {failed.seen.refused}: what stood there,")
        return Observation(differences=tuple(found)) if failed.seen.refused and found else failed.seen
    stage.leave()
    return subject.seen(stage.path)


@plays("files/missing-parent")
def missing_parent(stage: Workspace, scene: NamedScenario) -> Observation:
    """The folder that the path is in is not there, nor the one around it."""
    subject = stage.subject(scene.saved)
    path = stage.folder / "missing" / "folders" / stage.path.name
    subject.save(path)
    stage.leave()
    return subject.seen(path)


def _neighbours(path: pathlib.Path) -> list[pathlib.Path]:
    """Names that a format may take for its own, or for temporary ones, and that are not: none begins with the path's name."""
    stem, name = path.name.split(".")[0], path.name
    names = [
        path.stem, stem, name[:-1], f"{path.stem}.tmp", f"{path.stem}.bak", f"{path.stem}.index", f"{path.stem}.json", f"{stem}.npy",
        f"{stem}.tmp", f".{name}.tmp", f".{name}", f"tmp-{name}", f"tmp_{name}", f"old-{name}", "checkpoint", "latest", "model.tmp", "tmp",
        "temp", ".tmp", "metadata", "config.json", "model.safetensors.index.json",
    ]  # fmt: skip
    return [path.with_name(each) for each in dict.fromkeys(names) if not each.startswith(name)]


@plays("files/neighbours")
def neighbours(stage: Workspace, scene: NamedScenario) -> Observation:
    """Beside files of others, two checkpoints are saved whose names differ after the last dot, or before the suffix, and one that is
    called like the first, in another folder."""
    first, second = stage.subject(scene.other), stage.subject(scene.saved)
    folder, suffix = own_folder(stage), stage.trials.format.suffix
    one, two = folder / f"model-v1.2{suffix}", folder / f"model-v1.3{suffix}"
    others = [each for each in _neighbours(one) if not each.name.startswith(two.name)]
    for each in others:
        each.write_bytes(FOREIGN)
    (folder / "best").mkdir()
    (folder / "best" / one.name).write_bytes(FOREIGN)
    others.append(folder / "best")
    before = content_of(others, folder)
    first.save(one)
    saved = checkpoint_at(one)
    second.save(two)
    (folder / "later").mkdir()
    second.save(folder / "later" / one.name)
    found = harm(before, content_of((each for each in others if each.exists()), folder), "the neighbour")
    found += harm(saved, checkpoint_at(one), "of the first checkpoint, the file")
    if found:
        return Observation(differences=tuple(found))
    stage.leave()
    for subject, path in ((second, two), (first, one), (second, folder / "later" / one.name)):
        if not is_whole(seen := subject.seen(path)):
            break
    return seen


@plays("files/size")
def size(stage: Workspace, scene: NamedScenario) -> Observation:
    """Bytes on disk for so many bytes of values, saved once, or several times at one path."""
    subject = stage.subject(scene.saved)
    thing = subject.build()
    for time in range(TIMES if scene.how else 1):
        try:
            subject.save(stage.path, thing)
        except Failed as failed:
            if not time:
                raise
            return Observation(skipped=f"save does not write over a checkpoint: {failed.seen.refused or failed.seen.crashed}")
    payload, took = payload_in(subject), size_on_disk(stage.path) or 0
    allowed = payload + payload // 2 + OVERHEAD
    excess = f"{took:,} bytes on disk for {payload:,} bytes of values; {allowed:,} would be agreed to" if took > allowed else None
    return Observation(excess=excess)
